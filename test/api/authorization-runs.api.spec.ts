import { aPolicy, byPolicy, given, POLICIES, policy, question } from '#test/support/authorization.js';
import type { TestClient } from '#test/support/client.js';
import { aCorpus, aDocument, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';

let server: TestServer;
let tenant: TestTenant;

beforeAll(async () => {
  server = await openTestServer();
});
afterAll(() => server.stop());
beforeEach(async () => {
  tenant = await server.tenant();
  for (const id of ['c1', 'c2']) await aCorpus(tenant, id);
});

const ofC1 = { eq: [{ var: 'resource.corpus_id' }, 'c1'] };

interface Asked {
  readonly run: string;
  readonly frame: string;
}

/** Asks a corpus in a session, to the end. */
async function ask(session_id: string, corpus_id: string, as: TestClient = tenant.reader): Promise<Asked> {
  const { frames } = await as.ask({ session_id, corpus_id, message: `What of ${corpus_id}?` });
  const frame = frames[0]?.id ?? '';
  return { run: frame.split(':')[0] ?? '', frame };
}

const idsOf = async (path: string, as: TestClient = tenant.reader): Promise<string[]> =>
  ((await as.get(path)).data as { id: string }[]).map(({ id }) => id);

describe('policies on what belongs to a corpus', () => {
  it('know a corpus by its id, also as corpus_id', async () => {
    await aPolicy(tenant, { resource_type: 'corpus', action: 'run', condition_json: ofC1 });
    expect(await tenant.reader.post('/v1/run', question)).toMatchObject(byPolicy);
    expect(await tenant.reader.post('/v1/search', { corpus_id: 'c1', query: 'x' })).toMatchObject(byPolicy);
    expect((await tenant.reader.post('/v1/run', { ...question, corpus_id: 'c2' })).status).toBe(200);
    await aPolicy(tenant, { resource_type: 'corpus', action: '*', condition_json: ofC1 });
    expect(await idsOf('/v1/corpora')).toEqual(['c2']);
    expect(await tenant.reader.get('/v1/corpora/c1')).toMatchObject(byPolicy);
    expect(await tenant.editor.patch('/v1/corpora/c1', { name: 'x' })).toMatchObject(byPolicy);
    expect(await tenant.admin.delete('/v1/corpora/c1')).toMatchObject(byPolicy);
    expect((await tenant.reader.get('/v1/corpora/c2')).status).toBe(200);
  });

  it('know a run by its corpus, wherever it is read, rated or resumed', async () => {
    const { run, frame } = await ask('s1', 'c1');
    const other = await ask('s2', 'c2');
    await tenant.reader.post(`/v1/runs/${run}/feedback`, { rating: 'up' });
    await aPolicy(tenant, { resource_type: 'run', action: '*', condition_json: ofC1 });
    const resumed = { ...question, corpus_id: 'c1' };
    const refused = [
      await tenant.reader.get(`/v1/runs/${run}`),
      await tenant.reader.get(`/v1/runs/${run}/trace`),
      await tenant.reader.get(`/v1/runs/${run}/feedback`),
      await tenant.reader.post(`/v1/runs/${run}/feedback`, { rating: 'down' }),
      await tenant.reader.delete(`/v1/runs/${run}/feedback`),
      await tenant.reader.post('/v1/run', resumed, { 'last-event-id': frame }),
    ];
    for (const answer of refused) expect(answer).toMatchObject(byPolicy);
    for (const path of ['', '/trace'])
      expect((await tenant.reader.get(`/v1/runs/${other.run}${path}`)).status).toBe(200);
  });

  it('know a conversation by the corpus that was asked last', async () => {
    for (const corpus of ['c1', 'c2']) await ask(`of-${corpus}`, corpus);
    await aPolicy(tenant, { resource_type: 'run', action: '*', condition_json: ofC1 });
    const path = '/v1/sessions/of-c1';
    const refused = [
      await tenant.reader.get(path),
      await tenant.reader.get(`${path}/messages`),
      await tenant.reader.patch(path, { title: 'x' }),
      await tenant.reader.delete(path),
    ];
    for (const answer of refused) expect(answer).toMatchObject(byPolicy);
    const open = '/v1/sessions/of-c2';
    expect((await tenant.reader.patch(open, { title: 'x' })).data).toMatchObject({ title: 'x' });
    expect((await tenant.reader.delete(open)).status).toBe(204);
  });

  it('hide a run from its list, its conversation, and what is remembered of that, page by page', async () => {
    const asked = [];
    for (const corpus of ['c1', 'c2', 'c1', 'c2', 'c2']) asked.push((await ask('s1', corpus)).run);
    const [first = '', , third = '', , last = ''] = asked;
    const deniesRun = { resource_type: 'run', condition_json: { in: [{ var: 'resource.id' }, [first, last]] } };
    const { id } = await aPolicy(tenant, deniesRun);
    expect(await tenant.reader.get(`/v1/runs/${first}`)).toMatchObject(byPolicy);
    const shown = asked.slice(1, 4);
    for (const as of [tenant.reader, tenant.admin]) expect(await idsOf('/v1/runs', as)).toEqual(shown.toReversed());
    const messages = async (query: string): Promise<readonly string[]> => {
      const { data } = await tenant.reader.get(`/v1/sessions/s1/messages?${query}`);
      return (data as { run_id: string }[]).map(({ run_id }) => run_id);
    };
    expect(await messages('limit=50')).toEqual(shown.flatMap((run) => [run, run]));
    expect(await messages('limit=3&order=desc')).toEqual(
      shown
        .toReversed()
        .flatMap((run) => [run, run])
        .slice(0, 3),
    );
    await ask('s1', 'c2');
    const remembered = () => server.answerer.asked.at(-1)?.history.filter(({ role }) => role === 'user') ?? [];
    expect(remembered()).toHaveLength(shown.length);
    await tenant.admin.patch(`${POLICIES}/${id}`, { condition_json: ofC1 });
    expect(await idsOf('/v1/runs?limit=2')).toHaveLength(2);
    expect(await idsOf('/v1/runs')).not.toContain(third);
    expect((await messages('limit=50')).length).toBe(2 * 4);
    expect(await idsOf('/v1/sessions')).toHaveLength(1);
    await ask('s1', 'c1');
    expect(await idsOf('/v1/sessions')).toEqual([]);
    expect(await tenant.reader.get('/v1/sessions/s1/messages')).toMatchObject(byPolicy);
  });

  it('are refused where they look at what no such resource has, and told what it has', async () => {
    const over = (resource_type: string, action: string, name: string) =>
      policy({ resource_type, action, condition_json: { not: { eq: [{ var: name }, 'x'] } } });
    const invalid = [
      over('corpus', 'run', 'resource.labels.team'),
      over('run', 'read', 'resource.status'),
      over('run', '*', 'resource.metadata'),
      over('audit', 'read', 'resource.corpus_id'),
      over('*', 'manage', 'resource.unheard'),
      over('*', 'run', 'resource.content_type'),
    ];
    for (const body of invalid)
      expect(await tenant.admin.post(POLICIES, body)).toMatchObject({ status: 422, code: 'AUTHZ_POLICY_INVALID' });
    const { body } = await tenant.admin.post(POLICIES, over('run', 'read', 'resource.status'));
    expect(body).toMatchObject({ error: { details: { reason: expect.stringContaining('resource.corpus_id') } } });
    const { id } = await aPolicy(tenant, over('*', 'read', 'resource.labels.team'));
    for (const change of [{ resource_type: 'run' }, { condition_json: { eq: [{ var: 'resource.dog' }, 1] } }])
      expect((await tenant.admin.patch(`${POLICIES}/${id}`, change)).code).toBe('AUTHZ_POLICY_INVALID');
    await aPolicy(tenant, over('ops', '*', 'resource.id'));
  });
});

describe('what somebody may do', () => {
  const told = async (body: object, path = '/v1/admin/authz/evaluate') => (await tenant.admin.post(path, body)).data;
  const eve = { id: 'eve', role: 'reader' };

  it('is told of a corpus and of a run by its id, as it is when they try', async () => {
    const { run } = await ask('s1', 'c1');
    const [session] = await idsOf('/v1/sessions');
    const { id } = await aPolicy(tenant, {
      resource_type: 'corpus',
      action: 'run',
      condition_json: { eq: [{ var: 'resource.id' }, 'c1'] },
    });
    await aPolicy(tenant, { resource_type: 'run', condition_json: ofC1 });
    const ofCorpus = { resource_type: 'corpus', action: 'run', principal: eve };
    const denied = { allowed: false, reason: 'policy_deny' };
    expect(await told({ ...ofCorpus, resource_id: 'c1' })).toMatchObject({ ...denied, matched_policy_id: id });
    expect(await told({ ...ofCorpus, resource: { corpus_id: 'c1' } })).toMatchObject(denied);
    expect(await told({ ...ofCorpus, resource_id: 'c2' })).toMatchObject({ allowed: true, required_role: 'reader' });
    for (const resource_id of [run, session ?? ''])
      expect(await told({ resource_type: 'run', action: 'read', resource_id })).toMatchObject(denied);
    const unknown = { resource_type: 'run', action: 'read', resource_id: 'nothing' };
    expect(await tenant.admin.post('/v1/admin/authz/evaluate', unknown)).toMatchObject({ status: 404 });
    expect(await told(ofCorpus, `${POLICIES}/${id}/simulate`)).toMatchObject({ allowed: true });
    const imagined = { ...ofCorpus, resource: { id: 'c1' } };
    expect(await told(imagined, `${POLICIES}/${id}/simulate`)).toMatchObject(denied);
  });

  it('begins with the role, and says which is needed', async () => {
    const id = await aDocument(tenant, 'The kettle is vermilion.');
    const grant = { principal_type: 'user', principal_id: eve.id, permission: 'owner' };
    await given(tenant, id, grant);
    const asked = { resource_type: 'document', action: 'delete', resource_id: id };
    const lacking = { allowed: false, reason: 'role_required', required_role: 'editor', matched_policy_id: null };
    expect(await told({ ...asked, principal: eve })).toMatchObject({ ...lacking, permission_required: true });
    expect(await told({ ...asked, principal: { id: 'eve' } })).toMatchObject(lacking);
    const editor = { ...eve, role: 'editor' };
    expect(await told({ ...asked, principal: editor })).toMatchObject({ allowed: true, required_role: 'editor' });
    const { id: allow } = await aPolicy(tenant, { effect: 'allow', action: 'delete' });
    const simulated = { resource_type: 'document', action: 'delete', principal: eve };
    expect(await told(simulated, `${POLICIES}/${allow}/simulate`)).toMatchObject(lacking);
    expect(await told({ resource_type: 'ops', action: 'read', principal: editor })).toMatchObject({
      ...lacking,
      required_role: 'admin',
    });
  });
});
