import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import { exitCodes } from '#cli/exit-codes.js';
import { verdictCodes } from '#infra/ledger/verifier.js';
import { Cli, type CommandProcess, embedded } from './support.js';

embedded('the command on a data folder', () => {
  let cli: Cli;

  beforeAll(async () => (cli = await Cli.open()));
  afterAll(() => cli.close());

  describe('while a server lives', () => {
    let server: CommandProcess;
    let line: Record<string, unknown>;

    beforeAll(async () => ({ server, line } = await cli.start()));

    it('prints one line with its address and a key that works', async () => {
      expect(Object.keys(line)).toEqual(['url', 'api_key']);
      const headers = { authorization: `Bearer ${String(line['api_key'])}` };
      expect((await fetch(`${String(line['url'])}/v1/corpora`, { headers })).status).toBe(200);
    });

    it('refuses a second start with a sentence', async () => {
      const second = await cli.run('start');
      expect(second.code).toBe(exitCodes.inUse);
      expect(second.err).toContain(`process ${server.child.pid ?? 0} is running on ${cli.folder}`);
    });

    it('is what every other command talks to', async () => {
      const made = await cli.run('keys', 'create', '--tenant', 't1', '--role', 'reader', '--name', 'trial', '--json');
      const headers = { authorization: `Bearer ${String(made.items[0]?.['api_key'])}` };
      expect((await fetch(`${String(line['url'])}/v1/corpora`, { headers })).status).toBe(200);
      const keyId = String(made.items[0]?.['key_id']);
      expect((await cli.run('keys', 'revoke', keyId)).code).toBe(exitCodes.ok);
      expect((await fetch(`${String(line['url'])}/v1/corpora`, { headers })).status).toBe(401);
      expect((await cli.run('seed')).out).toContain('already seeded');
    });

    it('lists keys as tab-separated values, and only those that are inactive where that is asked for', async () => {
      const options = ['--role', 'reader', '--name', 'cli', '--user-id', 'u1', '--email', 'a@example.org'];
      const made = await cli.run('keys', 'create', '--tenant', 't2', ...options, '--expires-in-days', '2');
      expect(made.out).toMatch(/^api_key +nrgk_/m);
      const [head, ...rows] = (await cli.run('keys', 'list', '--tenant', 't2')).out.trim().split('\n');
      expect(head?.split('\t')).toContain('inactive_days');
      expect(rows.map((row) => row.split('\t'))).toEqual([
        expect.arrayContaining(['cli', 'reader', 'u1', 'a@example.org', 'true', 'false', '0']),
      ]);
      const keyId = rows[0]?.split('\t')[0] ?? '';
      const inactive = ['keys', 'list', '--tenant', 't2', '--inactive-only', '--inactive-days', '1', '--json'];
      expect((await cli.run(...inactive)).items).toEqual([]);
      const rotated = await cli.run('keys', 'rotate', keyId, '--keep-old-active', '--json');
      expect(rotated.items[0]).toMatchObject({ replaced_key_id: keyId, old_kept_active: true });
      expect((await cli.run('keys', 'list', '--tenant', 't2', '--json')).items).toHaveLength(2);
    });

    it('answers a question with numbered sources, and says that it is degraded', async () => {
      const { code, out } = await cli.run('ask', 'What are the release gates for Agent 2.0?');
      expect(code).toBe(exitCodes.ok);
      expect(out).toContain('All tests pass on both database engines');
      expect(out).toMatch(/^\[1\] document:\/\/agent-testing-strategy/m);
      expect(out).toContain('degraded: llm_unconfigured');
    });

    it('rebuilds a read model, rolls it back and travels in time', async () => {
      const rebuilt = await cli.run('projections', 'rebuild', 'documents', '--json');
      expect(rebuilt.items[0]).toMatchObject({ table: 'documents', generation: 2, rows: 3, swapped: true });
      expect((await cli.run('projections', 'rollback', 'documents', '--json')).items[0]).toMatchObject({
        generation: 1,
      });
      const types = ['--types', 'DocumentSubmitted', '--from', '0', '--json'];
      const [first] = (await cli.run('events', 'tail', ...types)).items;
      const asOf = ['--as-of', String(first?.['position']), '--json'];
      const past = await cli.run('events', 'replay', '--table', 'documents', '--tenant', 't1', ...asOf);
      expect(past.items).toHaveLength(1);
    });

    it('stops on SIGTERM and leaves no lock', async () => {
      expect(await server.stop()).toBe(0);
      expect(existsSync(join(cli.folder, 'lock'))).toBe(false);
      expect(existsSync(join(cli.folder, 'run.json'))).toBe(false);
    });
  });

  describe('while none lives', () => {
    it('opens the folder by itself and gives it back', async () => {
      const { code, items } = await cli.run('projections', 'verify', '--json');
      expect(code).toBe(exitCodes.ok);
      expect(items.every((report) => report['clean'] === true)).toBe(true);
      expect(existsSync(join(cli.folder, 'lock'))).toBe(false);
    });

    it('takes what cannot be a tenant for wrong usage, whichever command it is given to', async () => {
      const commands = ['ask what', 'documents add .', 'eval .', 'events tail', 'keys list', 'index verify'];
      for (const command of [...commands, 'provider smoke']) {
        const { code, err } = await cli.run(...command.split(' '), '--tenant', 'tn-x');
        expect([command, code]).toEqual([command, exitCodes.usage]);
        expect(err).toContain("argument 'tn-x' is invalid. It must be 1 to 64 of a to z, 0 to 9 and _.");
      }
    });

    it('proves an event to somebody who has only the file and the key', async () => {
      const file = join(cli.folder, 'event.proof');
      expect((await cli.run('ledger', 'prove', '3', '--out', file)).code).toBe(exitCodes.ok);
      const { items } = await cli.run('ledger', 'checkpoint', '--json');
      const trusted = ['--vkey', String(items[0]?.['vkey'])];
      const elsewhere = await Cli.open();
      expect((await elsewhere.run('ledger', 'verify', file, ...trusted)).code).toBe(verdictCodes.ok);
      const broken = join(cli.folder, 'broken.proof');
      await writeFile(broken, '{}\n');
      expect((await elsewhere.run('ledger', 'verify', broken)).code).toBe(verdictCodes.malformed);
      await elsewhere.close();
    });

    it('finds what was taken out of the search index, and has it ingested anew', async () => {
      expect((await cli.run('index', 'verify')).out).toContain('clean: 3 documents, 3 versions');
      await cli.behind(async (database) => {
        await database.query('delete from retrieval.version where version_no = 1');
      });
      const found = await cli.run('index', 'verify', '--corpus', 'c1', '--json');
      expect(found.code).toBe(exitCodes.different);
      expect(found.items).toMatchObject([{ kind: 'version_missing' }, { documents: 3, versions: 2, left: 1 }]);
      const mended = await cli.run('index', 'verify', '--repair', '--json');
      expect(mended.code).toBe(exitCodes.ok);
      expect(mended.items.at(-1)).toMatchObject({ queued: 1, removed: 1, left: 0 });
    });

    it('names the position of a byte that was changed in the log, and the row that was edited', async () => {
      let position = '';
      await cli.behind(async (database) => {
        await database.query(`set session_replication_role = replica`);
        const [changed] = await database.query<{ position: string }>(
          `update log.event set data = replace(data, 'agent-', 'Agent-')
            where log_id = 1 and position = (select min(position) from log.event
              where log_id = 1 and type = 'DocumentSubmitted')
            returning lpad(position::text, 20, '0') as position`,
        );
        position = changed?.position ?? 'none';
        await database.query(
          `update read.documents_v${documentRows.version} set filename = 'x' where document_id = 'agent-operations'`,
        );
      });
      const { code, items } = await cli.run('ledger', 'verify', '--json');
      expect(code).toBe(exitCodes.different);
      expect(items[0]).toMatchObject({ finding: { kind: 'event-changed', position } });
      const rows = await cli.run('projections', 'verify', 'documents', '--json');
      expect(rows.code).toBe(exitCodes.different);
      expect(rows.items[0]).toMatchObject({ clean: false });
    });
  });

  it.each([
    [['bogus'], /unknown command/],
    [['keys', 'lits'], /Did you mean list/],
    [['keys', 'list'], /--tenant/],
    [['documents', 'add', 'nowhere.txt'], /nowhere\.txt does not exist/],
    [['ask', 'x', '--top-k', '0'], /whole number/],
  ])('ends %j with 2 and a hint', async (args, hint) => {
    const { code, err } = await cli.run(...args);
    expect(code).toBe(exitCodes.usage);
    expect(err).toMatch(hint);
  });
});
