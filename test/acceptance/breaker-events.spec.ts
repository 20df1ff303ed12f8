import { openTestServer, type TestServer, type TestTenant, aCorpus, aDocument } from '../support/server.js';
import { until } from '../support/until.js';
import { openWireOpenAi } from '../support/wire-openai-chat.js';
import type { WireServer } from '../support/wire-server.js';

describe('a model that fails', () => {
  let wire: WireServer;
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    wire = await openWireOpenAi(() => ({ words: ['It is ', 'green [1].'] }));
    server = await openTestServer({
      LLM_PROVIDER: 'openai',
      OPENAI_BASE_URL: `${wire.url}/v1`,
      CB_FAILURE_THRESHOLD: '2',
      CB_OPEN_SECONDS: '1',
      EXT_RETRY_MAX_ATTEMPTS: '1',
    });
    tenant = await server.tenant();
    await aCorpus(tenant);
    await aDocument(tenant, 'The kettle of the office is green.');
  }, 240_000);
  afterAll(async () => {
    await server.stop();
    await wire.close();
  });

  const ask = () => tenant.reader.ask({ session_id: 's1', corpus_id: 'c1', message: 'Which colour?' });
  const finalOf = async () => (await ask()).frames.find(({ type }) => type === 'message.final')?.data;
  const audited = async () => {
    const { data } = await tenant.admin.get('/v1/audit/events?limit=200');
    const { items } = data as { items: { event_type: string }[] };
    return items.filter(({ event_type: type }) => type.startsWith('system.circuit_breaker.'));
  };
  const metrics = async () => (await server.anonymous.get('/v1/metrics')).text;

  it('opens a breaker, whose changes are in the audit log and in the metrics, once each', async () => {
    wire.manners.push(503, 503);
    expect([await finalOf(), await finalOf()]).toEqual([
      expect.objectContaining({ degraded: true }),
      expect.objectContaining({ degraded: true }),
    ]);
    const asked = wire.requests.length;
    expect(await finalOf()).toMatchObject({ degraded: true });
    expect(wire.requests).toHaveLength(asked);
    expect(await metrics()).toContain('circuit_breaker_state{integration="llm.openai"} 1');
    await until('the breaker lets a trial through', async () => (await finalOf())?.['degraded'] === false);
    await until('all three changes are told', async () => (await audited()).length === 3);
    expect((await audited()).reverse()).toEqual([
      expect.objectContaining({
        event_type: 'system.circuit_breaker.open',
        outcome: 'failure',
        resource_type: 'circuit_breaker',
        resource_id: `llm.openai 127.0.0.1:${wire.port}`,
        metadata_json: expect.objectContaining({
          from: 'closed',
          to: 'open',
          reason: 'failures_in_a_row',
          failures: 2,
        }),
      }),
      expect.objectContaining({ event_type: 'system.circuit_breaker.half_open' }),
      expect.objectContaining({ event_type: 'system.circuit_breaker.closed', outcome: 'success' }),
    ]);
    expect(await metrics()).toContain('circuit_breaker_state{integration="llm.openai"} 0');
    expect(await metrics()).toContain('circuit_breaker_changes_total{integration="llm.openai",to="open"} 1');
  });
});
