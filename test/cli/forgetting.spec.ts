import { Cli, embedded } from './support.js';

embedded('forgetting a person', () => {
  it('leaves an address nowhere in the data folder, with a clean fold and true proofs', async () => {
    const cli = await Cli.open();
    try {
      const canary = 'canary.7f3a91@example.org';
      const { server } = await cli.start('--no-seed');
      const options = ['--tenant', 't1', '--role', 'admin', '--name', 'k', '--user-id', 'u1', '--email', canary];
      expect((await cli.run('keys', 'create', ...options)).code).toBe(0);
      expect((await cli.run('keys', 'list', '--tenant', 't1')).out).toContain(canary);
      expect((await cli.run('persons', 'forget', '--tenant', 't1', '--user-id', 'u1')).out).toContain('is destroyed');
      expect((await cli.run('keys', 'list', '--tenant', 't1')).out).not.toContain(canary);
      expect((await cli.run('projections', 'rebuild', 'api_keys', '--json')).items[0]).toMatchObject({ swapped: true });
      expect((await cli.run('projections', 'verify')).code).toBe(0);
      expect((await cli.run('ledger', 'verify')).code).toBe(0);
      await server.stop();
      expect(await cli.filesWith(canary)).toEqual([]);
    } finally {
      await cli.close();
    }
  });
});
