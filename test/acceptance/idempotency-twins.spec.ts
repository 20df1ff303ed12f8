import { randomUUID } from 'node:crypto';
import type { Answer, TestClient } from '#test/support/client.js';
import { testEngine } from '#test/support/database.js';
import { eventsIn } from '#test/support/event-log.js';
import { Cluster, tenantAt, type ServerProcess } from '#test/support/processes.js';
import { ingested, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

const onServers = testEngine === 'postgres' ? describe : describe.skip;

const CALLERS = 64;

/** Of one delivery, not of the answer. */
const OF_DELIVERY = ['connection', 'date', 'idempotency-replayed', 'keep-alive', 'transfer-encoding'];

const headersOf = (headers: Headers): string =>
  JSON.stringify([...headers].filter(([name]) => !OF_DELIVERY.includes(name)).sort());

onServers(`${CALLERS} callers at two processes under one Idempotency-Key`, () => {
  let cluster: Cluster;
  let processes: readonly ServerProcess[];
  let tenant: TestTenant;
  beforeAll(async () => {
    cluster = await Cluster.open();
    const first = await cluster.start({ roles: 'api,projector' });
    processes = [first, await cluster.start({ roles: 'api' })];
    tenant = await tenantAt(first);
  });
  afterAll(() => cluster.close());

  /** The same call by all at the same time, half of them at each process. */
  function all<T>(as: TestClient, call: (client: TestClient, headers: Record<string, string>) => Promise<T>) {
    const headers = { 'idempotency-key': randomUUID() };
    const clients = processes.map(({ url }) => as.at(url));
    return Promise.all(
      Array.from({ length: CALLERS }, (_, at) => call(clients[at % clients.length] ?? as, { ...headers })),
    );
  }

  /** One of them was the first; all the others have its bytes and its headers. */
  function expectOne(answers: readonly Answer[], status: number): void {
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([status]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(new Set(answers.map(({ headers }) => headersOf(headers))).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1);
  }

  const used = async () => Number((await tenant.reader.get('/v1/corpora')).headers.get('x-quota-day-used'));

  /** Only the first of them is counted: what the others had reserved of the quota is given back. */
  async function expectUsed(units: number, since: number): Promise<void> {
    let reads = 0;
    await until('the replays have given back what they reserved', async () => {
      reads += 1;
      return (await used()) === since + units + reads;
    });
  }

  const eventsOf = async (type: string, field: string, value: string) =>
    (await eventsIn(cluster.test, [type])).filter(({ data }) => data[field] === value);

  it('make one corpus, and all have the answer that told of it', async () => {
    const id = 'twins';
    const before = await used();
    const answers = await all(tenant.editor, (client, headers) =>
      client.post('/v1/corpora', { id, name: 'Of all' }, headers),
    );
    expectOne(answers, 201);
    await expectUsed(1, before);
    expect(await eventsOf('CorpusCreated', 'corpusId', id)).toHaveLength(1);
  });

  it('make one API key, and all have the secret of it', async () => {
    const answers = await all(tenant.admin, (client, headers) =>
      client.post('/v1/self-serve/api-keys', { name: 'of-all', role: 'reader' }, headers),
    );
    expectOne(answers, 200);
    const { api_key: secret, key_id: id } = answers[0]?.data as { api_key: string; key_id: string };
    expect(await eventsOf('SelfServeApiKeyCreated', 'keyId', id)).toHaveLength(1);
    const [first] = processes;
    expect((await tenant.reader.get('/v1/corpora', { authorization: `Bearer ${secret}` })).status).toBe(200);
    expect(first?.log.join('\n')).not.toContain(secret);
  });

  it('delete one document, and all have the 204, which has no body', async () => {
    const accepted = await tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', text: 'A kettle boils water.' });
    const { document_id: id } = accepted.data as { document_id: string };
    await ingested(tenant.reader, id);
    const answers = await all(tenant.editor, (client, headers) => client.delete(`/v1/documents/${id}`, headers));
    expectOne(answers, 204);
    expect(answers[0]?.text).toBe('');
    expect(await eventsOf('DocumentDeleted', 'documentId', id)).toHaveLength(1);
  });

  it('make one run, and all have its frames, byte for byte, under the headers of the first', async () => {
    const before = await used();
    const question = { session_id: 'twins', corpus_id: 'c1', message: 'slow 20 10' };
    const answers = await all(tenant.reader, (client, headers) => client.ask(question, headers));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]?.frames.map(({ type }) => type).slice(-2)).toEqual(['message.final', 'done']);
    expect(new Set(answers.map(({ headers }) => headersOf(headers))).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1);
    await expectUsed(3, before);
    expect(await eventsOf('RunStarted', 'sessionId', 'twins')).toHaveLength(1);
    expect(await eventsOf('RunCompleted', 'runId', answers[0]?.frames[0]?.id.split(':')[0] ?? '')).toHaveLength(1);
  });
});
