import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import { bucketOf } from '#api/commands/rollouts.js';
import { ROLLOUT_STREAM_ID } from '#domain/capabilities/rollouts/rollouts.decider.js';
import { killSwitches } from '#domain/capabilities/rollouts/rollouts.events.js';
import {
  aCorpus,
  aDocument,
  eventsOf,
  openTestServer,
  type TestServer,
  type TestTenant,
} from '#test/support/server.js';
import type { TestClient } from '#test/support/client.js';
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
  await aCorpus(tenant);
});

const SWITCHES = '/v1/admin/rollouts/killswitches';
const CANARY = '/v1/admin/rollouts/canary';
const flip = (by: TestClient, switches: Record<string, unknown>) => by.patch(SWITCHES, { kill_switches: switches });
const roll = (by: TestClient, percentages: Record<string, unknown>) =>
  by.patch(CANARY, { canary_percentages: percentages });
const question = { session_id: 's1', corpus_id: 'c1', message: 'Why?' };
const off = (details: object) => ({
  status: 503,
  code: 'FEATURE_TEMPORARILY_DISABLED',
  body: { error: { details } },
});
const history = (tenantId: string) => eventsOf(server.platform, `rollouts-${tenantId}.${ROLLOUT_STREAM_ID}`);

describe('kill switches', () => {
  it('are all shown, leave unknown names out, and refuse what names none', async () => {
    const shown = await tenant.admin.get(SWITCHES);
    const none = Object.fromEntries(killSwitches.map((name) => [name, false]));
    expect(shown.data).toEqual({ scope: 'tenant', kill_switches: none });
    const changed = await flip(tenant.admin, { 'kill.run': true, 'kill.everything': true });
    expect(changed.data).toEqual({ scope: 'tenant', kill_switches: { ...none, 'kill.run': true } });
    for (const switches of [{}, { 'kill.everything': true }])
      expect(await flip(tenant.admin, switches)).toMatchObject({ status: 422, code: 'VALIDATION_ERROR' });
    for (const switches of [{ 'kill.run': 'yes' }, { 'kill.run': 1 }, { other: 'yes' }])
      expect(await flip(tenant.admin, switches)).toMatchObject({ status: 422, code: 'REQUEST_VALIDATION_ERROR' });
    expect((await flip(tenant.admin, { 'kill.run': null })).data).toMatchObject({ kill_switches: none });
  });

  it('answer 401, 403 and nothing of another tenant', async () => {
    const other = await server.tenant();
    for (const path of [SWITCHES, CANARY]) {
      expect((await server.anonymous.get(path)).status).toBe(401);
      expect((await tenant.editor.get(path)).status).toBe(403);
      for (const asked of [other.tenantId, SYSTEM_TENANT, 'Not.A-Tenant'])
        expect((await tenant.admin.get(`${path}?tenant_id=${asked}`)).code).toBe('AUTH_FORBIDDEN');
    }
    expect((await flip(tenant.editor, { 'kill.run': true })).status).toBe(403);
    expect((await operator.get(`${SWITCHES}?tenant_id=Not.A-Tenant`)).status).toBe(404);
  });

  it('stop answering with 503 and a time to wait, at once, and let it go on at once', async () => {
    await flip(tenant.admin, { 'kill.run': true });
    const refused = await tenant.reader.post('/v1/run', question);
    expect(refused).toMatchObject(off({ kill_switch: 'kill.run' }));
    expect(refused.headers.get('retry-after')).toBe('30');
    const resumed = await tenant.reader.post('/v1/run', question, { 'last-event-id': '7' });
    expect(resumed).toMatchObject(off({ kill_switch: 'kill.run' }));
    await flip(tenant.admin, { 'kill.run': false });
    expect((await tenant.reader.post('/v1/run', question)).status).toBe(200);
  });

  it('stop every way to take a document in, and nothing that is in', async () => {
    const id = await aDocument(tenant, 'The kettle is green.');
    await flip(tenant.admin, { 'kill.ingest': true });
    for (const refused of [
      await tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', text: 'More.' }),
      await tenant.editor.upload('/v1/documents', { corpus_id: 'c1' }, { text: 'More.', type: 'text/plain' }),
      await tenant.editor.post(`/v1/documents/${id}/reindex`, {}),
      await tenant.editor.post('/v1/ui/actions/reindex-document', { document_id: id }),
    ])
      expect(refused).toMatchObject(off({ kill_switch: 'kill.ingest' }));
    expect((await tenant.reader.get(`/v1/documents/${id}`)).status).toBe(200);
    expect((await tenant.reader.post('/v1/run', question)).status).toBe(200);
  });

  it('stop speech only where speech is asked for', async () => {
    await flip(tenant.admin, { 'kill.tts': true });
    expect(await tenant.reader.post('/v1/run', { ...question, audio: true })).toMatchObject(
      off({ kill_switch: 'kill.tts' }),
    );
    expect((await tenant.reader.post('/v1/run', question)).status).toBe(200);
  });

  it('stop retrieval beyond this system only for corpora that use it', async () => {
    const retrieval = { provider: 'gcp_vertex', project: 'p', location: 'l', resource_id: 'r' };
    await tenant.editor.post('/v1/corpora', { id: 'far', name: 'Far', provider_config_json: { retrieval } });
    await flip(tenant.admin, { 'kill.external_retrieval': true });
    const far = { ...question, corpus_id: 'far' };
    expect(await tenant.reader.post('/v1/run', far)).toMatchObject(off({ kill_switch: 'kill.external_retrieval' }));
    expect((await tenant.reader.post('/v1/run', question)).status).toBe(200);
  });
});

describe('W14: the switches of all tenants', () => {
  it('are turned by platform operators, for everyone, and each change is audited', async () => {
    const other = await server.tenant();
    await aCorpus(other);
    const before = (await history(SYSTEM_TENANT)).length;
    await flip(tenant.admin, { 'kill.run': true });
    expect((await other.reader.post('/v1/run', question)).status).toBe(200);
    expect((await history(SYSTEM_TENANT)).length).toBe(before);
    expect((await flip(operator, { 'kill.run': true })).data).toMatchObject({ scope: 'global' });
    // What is off for all cannot be on for one.
    expect((await flip(other.admin, { 'kill.run': false })).data).toMatchObject({
      kill_switches: { 'kill.run': true },
    });
    expect(await other.reader.post('/v1/run', question)).toMatchObject(off({ kill_switch: 'kill.run' }));
    await flip(operator, { 'kill.run': null });
    expect((await other.reader.post('/v1/run', question)).status).toBe(200);
    const events = await history(SYSTEM_TENANT);
    expect(events.slice(before).map(({ data, metadata }) => [data['on'], metadata.actor.id])).toEqual([
      [true, 'operator'],
      [null, 'operator'],
    ]);
    await until('an operator sees the changes of the switches of all', async () => {
      const { data } = await operator.get(
        `/v1/audit/events?tenant_id=${SYSTEM_TENANT}&event_type=rollout.kill_switch.changed`,
      );
      return (data as { items: unknown[] }).items.length === events.length;
    });
    await until("the tenant's own change is in its audit log", async () => {
      const { data } = await tenant.admin.get('/v1/audit/events?event_type=rollout.kill_switch.changed');
      return (data as { items: unknown[] }).items.length === 1;
    });
  });
});

describe('canaries', () => {
  it('are cut to 0 and 100, leave unknown names out, and refuse what names none', async () => {
    expect((await roll(tenant.admin, { 'rollout.tts': 250, 'rollout.external_retrieval': -3, x: 1 })).data).toEqual({
      scope: 'tenant',
      canary_percentages: { 'rollout.tts': 100, 'rollout.external_retrieval': 0 },
    });
    expect(await roll(tenant.admin, { x: 1 })).toMatchObject({ status: 422, code: 'VALIDATION_ERROR' });
    for (const wrong of ['5', 1.5, true])
      expect((await roll(tenant.admin, { 'rollout.tts': wrong })).code).toBe('REQUEST_VALIDATION_ERROR');
  });

  it('let in the tenants whose bucket is below the share, and no other', async () => {
    const bucket = bucketOf(tenant.tenantId);
    const spoken = { ...question, audio: true };
    await roll(operator, { 'rollout.tts': bucket });
    expect(await tenant.reader.post('/v1/run', spoken)).toMatchObject(off({ canary: 'rollout.tts' }));
    await roll(operator, { 'rollout.tts': bucket + 1 });
    expect((await tenant.reader.post('/v1/run', spoken)).status).toBe(200);
    await roll(operator, { 'rollout.tts': null });
  });

  it('put a tenant into the bucket of the first eight digits of its SHA-256', () => {
    expect(['t1', 't2', 'tenant_a'].map(bucketOf)).toEqual([77, 83, 62]);
  });
});
