import { documents } from '#domain/capabilities/documents/documents.decider.js';
import { uiActionRows } from '#domain/capabilities/ui/ui.projection.js';
import { documentUid } from '#api/capabilities/documents/documents.queries.js';
import { systemFacts } from '#cli/operations/keys.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import { JobQueue } from '#infra/jobs/job-queue.js';
import { jobsOf } from '#projector/projector.js';
import type { TestClient } from '#test/support/client.js';
import { aCorpus, aDocument, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { everyEvent } from '#test/support/event-log.js';
import { until } from '#test/support/until.js';

let server: TestServer;
let tenant: TestTenant;
let operator: TestClient;

beforeAll(async () => {
  server = await openTestServer();
  operator = server.operator('t1');
});
afterAll(() => server.stop());
beforeEach(async () => {
  tenant = await server.tenant();
});

const run = (by: TestClient, task: string, more = '') => by.post(`/v1/admin/maintenance/run?task=${task}${more}`);
const expire = (tenantId: string) =>
  server.platform.database.execute(
    `update idempotency.claim set expires_at = clock_timestamp() - interval '1 s' where tenant_id = $1`,
    [tenantId],
  );
const claims = async (tenantId: string): Promise<number> =>
  (await server.platform.database.query('select 1 from idempotency.claim where tenant_id = $1', [tenantId])).length;

/** A tenant with one expired claim, and one that is kept. */
async function withClaims(of: TestTenant): Promise<void> {
  await of.editor.post('/v1/corpora', { id: 'c1', name: 'One' }, { 'idempotency-key': 'old' });
  await expire(of.tenantId);
  await of.editor.post('/v1/corpora', { id: 'c2', name: 'Two' }, { 'idempotency-key': 'new' });
}

/** An action of the user interface that was accepted forty days ago, and has ended. */
async function longAgo({ tenantId }: TestTenant, documentId: string): Promise<void> {
  const { path } = server.platform;
  const uid = documentUid(tenantId, documentId);
  const state = await path.load(documents, tenantId, uid);
  if (state.status === 'absent') throw new Error('there is no such document');
  const facts = systemFacts(tenantId, 'test');
  const data = { chunking: state.chunking, via: 'ui' } as const;
  const now = new Date(Date.now() - 40 * 86_400_000).toISOString();
  await path.run(documents, uid, { type: 'ReindexDocument', data }, { ...facts, now });
  const actions = server.platform.readModels.for(uiActionRows);
  await until('the action has ended', async () => (await actions.find(tenantId, facts.newId))?.status === 'completed');
}

const runsOf = async (tenantId: string) =>
  (await everyEvent(server.platform.log)).filter(
    ({ type, metadata }) => type === 'MaintenanceRun' && metadata.tenantId === tenantId,
  );

describe('W14: a maintenance task', () => {
  it('of the admins of a tenant touches no row of another, and is on record', async () => {
    const other = await server.tenant();
    await withClaims(tenant);
    await withClaims(other);
    const counted = await run(tenant.admin, 'prune_idempotency', '&dry_run=true');
    expect(counted.data).toEqual({ task: 'prune_idempotency', status: 'counted', scope: 'tenant', deleted_rows: 1 });
    expect(await claims(tenant.tenantId)).toBe(2);
    expect(await runsOf(tenant.tenantId)).toEqual([]);
    const pruned = await run(tenant.admin, 'prune_idempotency');
    expect(pruned.data).toEqual({ task: 'prune_idempotency', status: 'completed', scope: 'tenant', deleted_rows: 1 });
    expect([await claims(tenant.tenantId), await claims(other.tenantId)]).toEqual([1, 2]);
    expect((await runsOf(tenant.tenantId)).map(({ data }) => data)).toEqual([
      expect.objectContaining({ task: 'prune_idempotency', deletedRows: 1 }),
    ]);
    await until('the run is in the audit log', async () => {
      const { data } = await tenant.admin.get('/v1/audit/events?event_type=maintenance.run');
      return (data as { items: unknown[] }).items.length === 1;
    });
  });

  it('of a platform operator is over the rows of all tenants', async () => {
    await withClaims(tenant);
    expect((await run(operator, 'prune_idempotency')).data).toMatchObject({ scope: 'global', status: 'completed' });
    expect(await claims(tenant.tenantId)).toBe(1);
    const [told] = (await runsOf(SYSTEM_TENANT)).toReversed();
    expect(told?.metadata.actor.id).toBe('operator');
  });
});

describe('a maintenance task', () => {
  it('removes old actions of the user interface by events, and keeps newer ones', async () => {
    await aCorpus(tenant);
    const document_id = await aDocument(tenant, 'The kettle is green.');
    await longAgo(tenant, document_id);
    const accepted = await tenant.editor.post('/v1/ui/actions/reindex-document', { document_id });
    expect(accepted.status).toBe(202);
    const { action_id: kept } = accepted.data as { action_id: string };
    for (const more of ['&dry_run=true', ''])
      expect((await run(tenant.admin, 'cleanup_actions', more)).data).toMatchObject({ deleted_rows: 1 });
    const rows = server.platform.readModels.for(uiActionRows);
    await until('only the newer action is left', async () => {
      const page = await rows.page(tenant.tenantId, { limit: 10 });
      return page.rows.length === 1 && page.rows[0]?.id === kept;
    });
    expect((await run(tenant.admin, 'cleanup_actions')).data).toMatchObject({ deleted_rows: 0 });
  });

  it('over a log of all tenants is for platform operators, and for them part of everything', async () => {
    for (const more of ['', '&dry_run=true']) {
      const refused = await run(tenant.admin, 'prune_audit', more);
      expect(refused).toMatchObject({ status: 403, code: 'AUTH_FORBIDDEN' });
      // Nothing in this log is old enough.
      expect((await run(operator, 'prune_audit', more)).data).toMatchObject({ scope: 'global', deleted_rows: 0 });
    }
    await run(operator, 'prune_retention_all');
    const told = (await runsOf(SYSTEM_TENANT)).map((event) => event.data['task'] as string).slice(-6);
    expect(told.toSorted()).toEqual([
      'cleanup_actions',
      'prune_audit',
      'prune_idempotency',
      'prune_messages',
      'prune_retention_all',
      'prune_usage',
    ]);
    expect((await runsOf(tenant.tenantId)).length).toBe(0);
  });

  it('that stands for all tells of each that it ran', async () => {
    await withClaims(tenant);
    const { data } = await run(tenant.admin, 'prune_retention_all');
    expect(data).toMatchObject({ status: 'completed', deleted_rows: 1 });
    const told = (await runsOf(tenant.tenantId)).map((event) => event.data['task'] as string);
    expect(told).toContain('prune_idempotency');
    expect(told.at(-1)).toBe('prune_retention_all');
    const status = await tenant.admin.get('/v1/admin/retention/status');
    const { last_run_by_task: last } = status.data as { last_run_by_task: Record<string, string> };
    for (const task of told) expect(last[task]).toMatch(/^\d{4}-.*Z$/);
  });

  it('runs by the clock too, over all tenants, and is told of', async () => {
    await withClaims(tenant);
    const before = (await runsOf(SYSTEM_TENANT)).length;
    const queue = new JobQueue({ database: server.platform.database, jobs: jobsOf(server.platform) });
    await queue.enqueue('maintenance.nightly', {});
    await until('the night is told of', async () => {
      const told = (await runsOf(SYSTEM_TENANT)).slice(before);
      return told.some(({ data, metadata }) => {
        return data['task'] === 'prune_retention_all' && metadata.actor.id === 'maintenance';
      });
    });
    expect(await claims(tenant.tenantId)).toBe(1);
  });

  it('that does not exist, or not yet, is refused with the list of those that can be run', async () => {
    for (const task of ['backup_create_scheduled', 'restore_drill_scheduled', 'drop_everything', '__proto__']) {
      const refused = await run(tenant.admin, task);
      expect(refused).toMatchObject({ status: 422, code: 'VALIDATION_ERROR' });
      const { details } = (refused.body as { error: { details: { available: string[] } } }).error;
      expect(details.available).toEqual(expect.arrayContaining(['cleanup_actions', 'prune_idempotency']));
      expect(details.available).not.toContain(task);
    }
    expect((await tenant.admin.post('/v1/admin/maintenance/run')).code).toBe('REQUEST_VALIDATION_ERROR');
    expect((await run(tenant.admin, 'prune_idempotency', '&dry_run=perhaps')).status).toBe(422);
  });

  it('is for admins: 401 and 403 to others', async () => {
    expect((await run(server.anonymous, 'prune_idempotency')).status).toBe(401);
    expect((await run(tenant.editor, 'prune_idempotency')).status).toBe(403);
    expect((await server.anonymous.get('/v1/admin/retention/status')).status).toBe(401);
    expect((await tenant.reader.get('/v1/admin/retention/status')).status).toBe(403);
  });
});

describe('the status of retention', () => {
  it('says how long what is kept, when it was removed last, and when next', async () => {
    const { data } = await tenant.admin.get('/v1/admin/retention/status');
    expect(data).toMatchObject({
      tenant_id: tenant.tenantId,
      configured_days: { audit: 90, usage: 120, ui_actions: 30, messages: null, documents: null, backups: null },
    });
    const { next_schedule } = data as { next_schedule: string };
    const left = Date.parse(next_schedule) - Date.now();
    expect(left).toBeGreaterThan(-60_000);
    expect(left).toBeLessThanOrEqual(86_400_000);
  });
});
