import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { capabilities } from '#domain/capabilities/capabilities.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import { ProjectionAdmin } from '#infra/projections/admin.js';
import { CapabilityRegistry } from '#infra/projections/registry.js';
import { testEngine } from '#test/support/database.js';
import { eventsIn, openTestLog } from '#test/support/event-log.js';
import type { EventStream } from '#test/support/event-stream.js';
import { Cluster, keyAt, operate, tenantAt, type ServerProcess } from '#test/support/processes.js';
import type { TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

const onServers = testEngine === 'postgres' ? describe : describe.skip;

onServers('two api and two projector processes on PostgreSQL and Redis', () => {
  let cluster: Cluster;
  let here: ServerProcess;
  let there: ServerProcess;
  let projectors: ServerProcess[];
  let tenant: TestTenant;
  const figures: string[] = [];
  beforeAll(async () => {
    cluster = await Cluster.open();
    const first = await cluster.start({ roles: 'projector' });
    const rest = (['projector', 'api', 'api'] as const).map((roles) => cluster.start({ roles }));
    const [second, a, b] = await Promise.all(rest);
    if (second === undefined || a === undefined || b === undefined) throw new Error('a process is missing');
    projectors = [first, second];
    here = a;
    there = b;
    tenant = await tenantAt(here);
  });
  afterAll(async () => {
    process.stdout.write(figures.map((line) => `  ${line}\n`).join(''));
    await cluster.close();
  });

  const query = <R>(text: string, params: unknown[] = []) => cluster.test.database.query<R>(text, params);

  /** The pid of the process that feeds a read model now; undefined while nobody does. */
  async function feeding(table: string): Promise<number | undefined> {
    const [row] = await query<{ owner: string }>(
      `select owner from projections.generations
        where table_name = $1 and state = 'active' and owner is not null and expires_at > clock_timestamp()`,
      [table],
    );
    return row === undefined ? undefined : Number(row.owner.split(':')[1]);
  }

  /** Milliseconds from the request to revoke at one api until the other refuses the key. */
  async function revocation(): Promise<number> {
    const { key_id, api_key } = await keyAt(here, tenant.tenantId, 'reader');
    const client = tenant.reader.at(there.url);
    const headers = { authorization: `Bearer ${api_key}` };
    expect((await client.get('/v1/corpora', headers)).status).toBe(200);
    const since = performance.now();
    const revoked = operate(here, tenant.tenantId, 'keys.revoke', { key_id });
    await until('the key is refused', async () => (await client.get('/v1/corpora', headers)).status === 401);
    const took = performance.now() - since;
    await revoked;
    return took;
  }

  it('take a key of the one at once at the other, and refuse a revoked one', async () => {
    const { api_key } = await keyAt(here, tenant.tenantId, 'editor');
    const created = await tenant.editor
      .at(there.url)
      .post('/v1/corpora', { id: 'there', name: 'there' }, { authorization: `Bearer ${api_key}` });
    expect(created.status).toBe(201);
    const times: number[] = [];
    while (times.length < 5) times.push(await revocation());
    figures.push(`refused elsewhere ${times.map((ms) => ms.toFixed(0)).join(', ')} ms after the request to revoke`);
  });

  it('refuse a revoked key also when notifications are cut', async () => {
    let cutting = true;
    const cut = (async () => {
      while (cutting) {
        await query(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and query ilike 'listen %' and pid <> pg_backend_pid()`,
        );
        await delay(20);
      }
    })();
    const took = await revocation().finally(() => (cutting = false));
    await cut;
    figures.push(`refused elsewhere ${took.toFixed(0)} ms after the request to revoke, with notifications cut`);
  });

  async function digestOf(run: string): Promise<Record<string, unknown>> {
    let data: Record<string, unknown> = {};
    await until('the run has ended', async () => {
      const ends = await eventsIn(cluster.test, ['RunCompleted', 'RunFailed']);
      const [end, ...more] = ends.filter((event) => event.data['runId'] === run);
      data = { type: end?.type, ...end?.data };
      return end !== undefined && more.length === 0;
    });
    return data;
  }

  const slow = (words: number, ms: number, session_id = 's1') => ({
    session_id,
    corpus_id: 'c1',
    message: `slow ${words} ${ms}`,
  });

  async function halfOf(question: object, frames: number): Promise<EventStream> {
    const stream = await tenant.reader.open(question);
    while (stream.frames.length < frames) await stream.next();
    return stream;
  }

  it('resume a run of the one at the other: the halves join to the recorded bytes', async () => {
    const first = await halfOf(slow(30, 20), 10);
    first.leave();
    const last = first.frames.at(-1);
    const second = await tenant.reader.at(there.url).open(slow(0, 0), { 'last-event-id': last?.id ?? '' });
    const rest = await second.rest();
    expect(rest.at(-1)?.type).toBe('done');
    const joined = [...first.frames, ...rest].map(({ text }) => text).join('');
    expect(await digestOf(last?.id.split(':')[0] ?? '')).toMatchObject({
      type: 'RunCompleted',
      frames: { count: last === undefined ? 0 : last.seq + rest.length, sha256: sha256(joined) },
    });
  });

  it('hand the leases of a projector that is stopped to the other at once', async () => {
    const holder = await feeding('documents');
    const stopping = projectors.find(({ pid }) => pid === holder);
    const since = performance.now();
    const stopped = stopping?.stop();
    await until('the other feeds', async () => ![undefined, holder].includes(await feeding('documents')));
    expect(await stopped).toBe(0);
    figures.push(`leases handed over ${(performance.now() - since).toFixed(0)} ms after SIGTERM`);
    projectors = [...projectors.filter((each) => each !== stopping), await cluster.start({ roles: 'projector' })];
  });

  it('lose nothing when the projector that holds the leases is killed under load', async () => {
    const ids = Array.from({ length: 60 }, (_, at) => `doc-${at}`);
    const clients = [tenant.editor, tenant.editor.at(there.url)];
    const submit = async (id: string, at: number): Promise<void> => {
      const body = { corpus_id: 'c1', document_id: id, text: `Document ${at} is about ${id}.\n\n`.repeat(20) };
      const answer = await clients[at % 2]?.post('/v1/documents/text', body);
      expect(answer?.status).toBe(202);
    };
    const holder = await feeding('documents');
    const load = (async () => {
      for (const [at, id] of ids.entries()) await submit(id, at);
    })();
    await until('some are through', async () => {
      return (await eventsIn(cluster.test, ['DocumentIndexed'])).length > 10;
    });
    await projectors.find(({ pid }) => pid === holder)?.kill();
    const since = performance.now();
    await until('the other feeds', async () => ![undefined, holder].includes(await feeding('documents')));
    const took = performance.now() - since;
    figures.push(`leases taken over ${took.toFixed(0)} ms after kill -9`);
    await load;
    const states = async (): Promise<string[]> =>
      ((await tenant.reader.get('/v1/documents')).data as { status: string }[]).map(({ status }) => status);
    await until('all are ingested', async () => (await states()).every((status) => status === 'succeeded'), 60_000);
    expect(await states()).toHaveLength(60);
    figures.push(`all documents succeeded ${(performance.now() - since).toFixed(0)} ms after kill -9`);
    await expectCleanProjections();
    const jobs = (await eventsIn(cluster.test, ['DocumentIndexed'])).map(({ data }) => data['jobId']);
    expect(new Set(jobs).size).toBe(jobs.length);
  });

  async function expectCleanProjections(): Promise<void> {
    const { database } = cluster.test;
    const registry = new CapabilityRegistry(capabilities);
    const log = await openTestLog(cluster.test);
    const accessLog = await PostgresEventLog.open(database, 'access');
    const admin = new ProjectionAdmin({ database, log, accessLog, registry });
    for (const { table } of registry.projections) expect((await admin.verify(table)).differences.total).toBe(0);
    await log.close();
    await accessLog.close();
  }

  it('end a run whose api was killed, for the client that goes on at the other', async () => {
    const first = await halfOf(slow(1_000, 50), 8);
    await here.kill();
    await first.rest();
    const last = first.frames.at(-1);
    const second = await tenant.reader.at(there.url).open(slow(0, 0), { 'last-event-id': last?.id ?? '' });
    const rest = await second.rest();
    const all = [...first.frames, ...rest];
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, at) => at + 1));
    expect(rest.slice(-2).map(({ type }) => type)).toEqual(['error', 'done']);
    expect(rest.at(-2)?.data).toMatchObject({ code: 'RUN_INTERRUPTED' });
    expect(await digestOf(last?.id.split(':')[0] ?? '')).toMatchObject({
      type: 'RunFailed',
      frames: { count: all.length, sha256: sha256(all.map(({ text }) => text).join('')) },
    });
  });

  it('let a stream end before the api that is stopped leaves', async () => {
    const stream = await tenant.reader.at(there.url).open(slow(40, 20));
    await stream.until('token.delta');
    const stopped = there.stop();
    const frames = await stream.rest();
    expect(frames.slice(-2).map(({ type }) => type)).toEqual(['message.final', 'done']);
    expect(await stopped).toBe(0);
  });
});

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
