import { aPerson, aPolicy, aSecret, given, permissionsOf, strict, type Identity } from '#test/support/authorization.js';
import { aCorpus, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';

describe('what a session remembers', () => {
  let server: TestServer;
  let tenant: TestTenant;
  let person: Identity;
  beforeAll(async () => {
    server = await openTestServer(strict);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
    await aCorpus(tenant);
    await aCorpus(tenant, 'c2');
    person = await aPerson(server, tenant.tenantId, 'reader');
  });

  /** Asks, and gives all of what was said before as the model was told it. */
  const ask = async (message: string, more: object = {}): Promise<string> => {
    const { frames } = await person.client.ask({ session_id: 's1', corpus_id: 'c1', message, ...more });
    expect(frames.at(-2)?.type).toBe('message.final');
    return (server.answerer.asked.at(-1)?.history ?? []).map(({ content }) => content).join('\n');
  };
  const granted = async (id: string) => {
    const { id: permission } = await given(tenant, id, {
      principal_type: 'user',
      principal_id: person.userId,
      permission: 'read',
    });
    return async () => tenant.admin.delete(`${permissionsOf(id)}/${permission}`);
  };

  it('is left out of a prompt, question and answer, once what it was found in may be read no more', async () => {
    const revoke = await granted(await aSecret(tenant, 'The kettle is vermilion.'));
    await granted(await aSecret(tenant, 'The stove is copper.', { corpus_id: 'c2' }));
    await ask('Which colour has the stove?', { corpus_id: 'c2' });
    expect(await ask('Which colour has the kettle?')).toContain('copper');
    expect(await ask('Anything?', { session_id: 's2' })).toBe('');
    const whole = await ask('slow 2 1');
    expect(whole).toContain('vermilion');
    await revoke();
    const left = await ask('slow 2 1');
    expect(left).toContain('copper');
    expect(left).not.toContain('vermilion');
    expect(left).not.toContain('Which colour has the kettle?');
  });

  it('is left out with what came of it: an answer that was given with it in mind may repeat it', async () => {
    const revoke = await granted(await aSecret(tenant, 'The kettle is vermilion.'));
    await ask('Which colour has the kettle?');
    expect(await ask('slow 1 1', { corpus_id: 'c2' })).toContain('vermilion');
    expect(await ask('slow 2 1', { corpus_id: 'c2' })).toContain('slow 1 1');
    await revoke();
    expect(await ask('slow 3 1', { corpus_id: 'c2' })).toBe('');
    expect(await ask('slow 4 1', { corpus_id: 'c2' })).toBe('slow 3 1\nword-1 word-2 word-3 ');
  });

  it('is left out once what it was found in is deleted, for admins too', async () => {
    const id = await aSecret(tenant, 'The kettle is vermilion.');
    await given(tenant, id, { principal_type: 'role', principal_id: 'admin', permission: 'read' });
    const question = { session_id: 's1', corpus_id: 'c1', message: 'Which colour has the kettle?' };
    const remembered = async () => {
      await tenant.admin.ask(question);
      return JSON.stringify(server.answerer.asked.at(-1)?.history);
    };
    await remembered();
    expect(await remembered()).toContain('vermilion');
    expect((await tenant.editor.delete(`/v1/documents/${id}`)).status).toBe(204);
    expect(await remembered()).toBe('[]');
  });

  it('is left out where policies deny its corpus, and is back when they do no more', async () => {
    await granted(await aSecret(tenant, 'The kettle is vermilion.'));
    await ask('Which colour has the kettle?');
    const deny = await aPolicy(tenant, {
      resource_type: 'corpus',
      action: 'run',
      condition_json: { eq: { field: 'resource.id', value: 'c1' } },
    });
    expect(await ask('slow 1 1', { corpus_id: 'c2' })).toBe('');
    expect((await tenant.admin.post(`/v1/admin/authz/policies/${deny.id}/disable`)).status).toBe(200);
    expect(await ask('slow 2 1', { corpus_id: 'c2' })).toContain('vermilion');
  });

  it('is left out where policies deny what it was found in', async () => {
    const labels = { metadata_json: { labels: { secrecy: 'high' } } };
    await granted(await aSecret(tenant, 'The kettle is vermilion.', labels));
    await ask('Which colour has the kettle?');
    expect(await ask('slow 1 1', { corpus_id: 'c2' })).toContain('vermilion');
    await aPolicy(tenant, { condition_json: { eq: { field: 'resource.labels.secrecy', value: 'high' } } });
    expect(await ask('slow 2 1', { corpus_id: 'c2' })).toBe('');
  });
});
