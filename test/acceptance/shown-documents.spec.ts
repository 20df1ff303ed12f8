import { testEngine } from '#test/support/database.js';
import { Cluster, tenantAt, type ServerProcess } from '#test/support/processes.js';
import type { TestTenant } from '#test/support/server.js';

const onServers = testEngine === 'postgres' ? describe : describe.skip;

onServers('a document that another process took in a moment ago', () => {
  let cluster: Cluster;
  let there: ServerProcess;
  let tenant: TestTenant;
  beforeAll(async () => {
    cluster = await Cluster.open();
    const env = { RATE_LIMIT_ENABLED: 'false', AUTHZ_SHARE_NEW_DOCUMENTS: 'false' };
    const here = await cluster.start({ roles: 'api,projector', env });
    there = await cluster.start({ roles: 'api', env });
    tenant = await tenantAt(here);
  });
  afterAll(() => cluster.close());

  const submit = (id: string) =>
    tenant.editor.post('/v1/documents/text', {
      corpus_id: 'c1',
      document_id: id,
      text: `The kettle of ${id} is green.`,
    });

  it('is read by its id, by whose it is', async () => {
    for (let at = 0; at < 20; at += 1) {
      expect((await submit(`d${at}`)).status).toBe(202);
      const answer = await tenant.editor.at(there.url).get(`/v1/documents/d${at}`);
      expect([at, answer.status]).toEqual([at, 200]);
    }
  });

  it('is in a list that is asked for up to the position of its answer', async () => {
    for (let at = 0; at < 10; at += 1) {
      const position = (await submit(`listed${at}`)).headers.get('x-log-position') ?? '';
      const answer = await tenant.editor.at(there.url).get('/v1/documents?limit=200', { 'x-min-position': position });
      expect((answer.data as { id: string }[]).map(({ id }) => id)).toContain(`listed${at}`);
    }
  });

  it('is not there where nobody handed it in', async () => {
    expect((await tenant.editor.at(there.url).get('/v1/documents/nobody')).status).toBe(404);
  });
});
