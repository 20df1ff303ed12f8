import { randomUUID } from 'node:crypto';
import { capabilities } from '#domain/capabilities/capabilities.js';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import type { NewEvent } from '#infra/event-log/event-log.js';
import { ProjectionAdmin } from '#infra/projections/admin.js';
import { CapabilityRegistry } from '#infra/projections/registry.js';
import { ProjectionRunner } from '#infra/projections/runner.js';
import { testEngine } from '#test/support/database.js';
import { onStandIn } from '#test/support/event-log.js';
import { aCorpus, ingested, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

const onServers = testEngine === 'postgres' ? describe : describe.skip;
const DOCUMENTS = 100;
// The stand-in sends some hundred events a second while 50 readers want the same two cores; it is no server to measure by.
const EVENTS = Number(process.env['REBUILD_EVENTS'] ?? (onStandIn ? 3_000 : 20_000));
const READERS = 50;

/** What test/replay does not show: the same through the API of a whole server, under readers, with a newer build beside it. */
onServers(`a rebuild of documents over ${EVENTS} events`, () => {
  let server: TestServer;
  let tenant: TestTenant;
  let admin: ProjectionAdmin;
  const figures: string[] = [];
  beforeAll(async () => {
    server = await openTestServer();
    tenant = await server.tenant();
    await aCorpus(tenant);
    const { database, log, registry } = server.platform;
    admin = new ProjectionAdmin({ database, log, registry });
    const ids = Array.from({ length: DOCUMENTS }, (_, at) => `doc-${at}`);
    await Promise.all(
      ids.map((document_id) =>
        tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', document_id, text: `About ${document_id}.` }),
      ),
    );
    for (const id of ids) await ingested(tenant.reader, id);
    await fill();
  });
  afterAll(async () => {
    process.stdout.write(figures.map((line) => `  ${line}\n`).join(''));
    await server.stop();
  });

  function anEvent(type: string, data: NewEvent['data']): NewEvent {
    const { tenantId } = tenant;
    const unknown = { requestId: null, correlationId: null, causationId: null, traceparent: null, region: null };
    const actor = { type: 'system', id: 'test', role: null } as const;
    const epoch = server.platform.log.epoch;
    const metadata = {
      tenantId,
      actor,
      commandId: randomUUID(),
      ...unknown,
      epoch,
      occurredAt: new Date().toISOString(),
    };
    return { id: randomUUID(), type, schemaVersion: 1, data, metadata };
  }

  /** Documents that were indexed again and again: events that ask for no further work. */
  async function fill(): Promise<void> {
    const rows = await server.platform.database.query<{ id: string; document_id: string; last_job_id: string }>(
      `select id, document_id, last_job_id from read.documents_v${documentRows.version} where tenant_id = $1`,
      [tenant.tenantId],
    );
    const each = Math.ceil(EVENTS / rows.length);
    await Promise.all(
      rows.map(async ({ id, document_id: documentId, last_job_id: jobId }) => {
        const stream = `documents-${tenant.tenantId}.${id}`;
        const indexed = { documentId, jobId, chunkCount: 1, embeddingSpace: 'hash/512', reindex: true };
        for (let left = each; left > 0; left -= 500) {
          const events = Array.from({ length: Math.min(500, left) }, () => anEvent('DocumentIndexed', indexed));
          await server.platform.log.append(stream, events, { expected: 'any' });
        }
      }),
    );
    await until('the live table has caught up', async () => {
      const head = await server.platform.log.head();
      const [row] = (await admin.list()).filter(({ table }) => table === 'documents');
      return row !== undefined && head !== null && row.position >= head;
    });
  }

  /** Polls with many readers while `work` runs; gives how often they read, and fails at a failed or empty read. */
  async function whileRead(work: () => Promise<unknown>): Promise<number> {
    let done = false;
    let reads = 0;
    const problems: string[] = [];
    const reader = async (at: number): Promise<void> => {
      while (!done) {
        const list = await tenant.reader.get('/v1/documents?limit=3');
        const one = await tenant.reader.get(`/v1/documents/doc-${at}`);
        reads += 2;
        if (list.status !== 200 || (list.data as unknown[]).length !== 3) problems.push(`list ${list.text}`);
        if (one.status !== 200) problems.push(`one ${one.text}`);
      }
    };
    const readers = Array.from({ length: READERS }, (_, at) => reader(at));
    await work().finally(() => (done = true));
    await Promise.all(readers);
    expect(problems).toEqual([]);
    return reads;
  }

  it('swaps, and is rolled back, without one failed or empty read', async () => {
    const reads = await whileRead(async () => {
      const report = await admin.rebuild('documents');
      expect(report).toMatchObject({ swapped: true, rows: DOCUMENTS });
      expect(report.events).toBeGreaterThanOrEqual(EVENTS);
      const perSecond = Math.round(report.events / report.seconds);
      figures.push(
        `${report.events} events rebuilt in ${report.seconds.toFixed(1)} s, ${perSecond}/s under ${READERS} readers`,
      );
      const { generation } = await admin.rollback('documents');
      expect(generation).toBeLessThan(report.generation);
    });
    figures.push(`${reads} reads meanwhile, none failed or empty`);
    expect(reads).toBeGreaterThan(READERS);
    expect((await admin.verify('documents')).clean).toBe(true);
  });

  it('does so with an event of an unknown type in the log, and goes on to follow it', async () => {
    await server.platform.log.append('futures-x.1', [anEvent('FromTheFuture', { x: 1 })], { expected: 'any' });
    await whileRead(async () => {
      expect(await admin.rebuild('documents')).toMatchObject({ swapped: true });
    });
    const body = { corpus_id: 'c1', document_id: 'later', text: 'Written after the swap.' };
    expect((await tenant.editor.post('/v1/documents/text', body)).status).toBe(202);
    expect(await ingested(tenant.reader, 'later')).toMatchObject({ status: 'succeeded' });
  });

  it('leaves the version that this build reads alone while a newer build makes and rebuilds its own', async () => {
    const { version } = documentRows;
    const next = version + 1;
    const newer = { ...documentRows, version: next, columns: { ...documentRows.columns, note: 'text?' } } as never;
    const registry = new CapabilityRegistry(
      capabilities.map((each) =>
        each.name === 'documents' ? { ...each, projections: [...each.projections, newer] } : each,
      ),
    );
    const { database, log } = server.platform;
    const runner = new ProjectionRunner({ database, log, registry, owner: 'newer-build' });
    const newerAdmin = new ProjectionAdmin({ database, log, registry });
    await whileRead(async () => {
      await runner.start();
      await runner.caughtUp();
      expect(await newerAdmin.rebuild('documents', { version: next })).toMatchObject({ swapped: true, version: next });
    });
    const count = async (view: string): Promise<number> =>
      Number((await database.query<{ n: string }>(`select count(*) n from read.${view}`))[0]?.n);
    expect(await count(`documents_v${next}`)).toBe(await count(`documents_v${version}`));
    await runner.stop();
    await tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', document_id: 'last', text: 'Still read.' });
    expect(await ingested(tenant.reader, 'last')).toMatchObject({ status: 'succeeded' });
  });
});
