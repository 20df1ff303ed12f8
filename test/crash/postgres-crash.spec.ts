import { setTimeout as delay } from 'node:timers/promises';
import { testEngine } from '#test/support/database.js';
import { onStandIn } from '#test/support/event-log.js';
import { noPostgresServer, PostgresServer } from '#test/support/postgres-server.js';
import { aCorpus, ingested, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

// The log must be in the database that is killed.
const here = testEngine === 'postgres' && !onStandIn && noPostgresServer === undefined ? describe : describe.skip;

here('a database server that is killed with all that it had in memory', () => {
  let postgres: PostgresServer;
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    postgres = await PostgresServer.start();
    server = await openTestServer({ DATABASE_URL: postgres.url });
    tenant = await server.tenant();
    await aCorpus(tenant);
  });
  afterAll(async () => {
    await postgres.start();
    await server.stop();
    await postgres.remove();
  });

  const operate = async (name: string, args: object = {}): Promise<string> =>
    (await server.operator(tenant.tenantId).post(`/v1/operator/${name}`, { args })).text;

  interface Told {
    readonly documents: Set<string>;
    /** What was answered in each session. */
    readonly answers: Map<string, string>;
  }

  /** Sends documents and questions until the signal aborts, and notes what is acknowledged. */
  async function load(round: number, told: Told, signal: AbortSignal): Promise<void> {
    const lane = async (one: (at: number) => Promise<boolean>): Promise<void> => {
      for (let at = 0; !signal.aborted; at += 1) {
        const acknowledged = await one(at).catch(() => false);
        if (!acknowledged) await delay(20);
      }
    };
    const submit = (of: number) => async (at: number) => {
      const id = `doc-${round}-${of}-${at}`;
      const text = `The kettle ${id} is made of copper and holds ${at} litres.`;
      const { status } = await tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', document_id: id, text });
      if (status === 202) told.documents.add(id);
      return status === 202;
    };
    const ask = (of: number) => async (at: number) => {
      const session = `session-${round}-${of}-${at}`;
      const asked = { session_id: session, corpus_id: 'c1', message: `What is kettle ${at} made of?` };
      const { status, frames } = await tenant.reader.ask(asked);
      const final = frames.find(({ type }) => type === 'message.final');
      if (final !== undefined) told.answers.set(session, String(final.data['text']));
      return status === 200 && final !== undefined;
    };
    await Promise.all([...[0, 1, 2].map((of) => lane(submit(of))), ...[0, 1, 2].map((of) => lane(ask(of)))]);
  }

  it('comes back with everything that was acknowledged, and with nothing that contradicts it', async () => {
    const told: Told = { documents: new Set(), answers: new Map() };
    for (let round = 0; round < 3; round += 1) {
      const [documents, answers] = [told.documents.size, told.answers.size];
      const stop = new AbortController();
      const loading = load(round, told, stop.signal);
      const busy = (): boolean => told.documents.size > documents + 10 && told.answers.size > answers + 10;
      await until('documents and answers are acknowledged', busy, 90_000);
      await postgres.kill();
      stop.abort();
      await loading;
      await postgres.start();
      await until('the server is itself again', async () => (await tenant.reader.get('/v1/documents')).status === 200);
    }
    for (const id of told.documents)
      expect(await ingested(tenant.reader, id)).toMatchObject({ id, status: 'succeeded' });
    for (const [session, text] of told.answers) {
      const { status, data } = await tenant.reader.get(`/v1/sessions/${session}/messages`);
      expect({ status, data }).toMatchObject({ status: 200 });
      expect(JSON.stringify(data)).toContain(JSON.stringify(text).slice(1, -1));
    }
    const index = await operate('index.verify', { tenant: tenant.tenantId });
    expect(index).toContain('"result"');
    expect(index).not.toContain('"drift"');
    expect(await operate('ledger.verify')).toContain('"ok":true');
    for (const { table } of server.platform.registry.projections)
      expect(await operate('projections.verify', { table })).toContain('"clean":true');
  }, 300_000);
});
