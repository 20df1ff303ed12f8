import { CircuitBreaker } from '#infra/shared-state/circuit-breaker.js';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { OutboundSignals } from '#infra/shared-state/outbound-signals.js';
import { Outbound } from '#infra/shared-state/outbound.js';
import { createMetrics } from '#infra/telemetry/metrics.js';
import { observeOutbound } from '#infra/telemetry/outbound-metrics.js';

describe('the metrics of the way out', () => {
  const limits = { failures: 2, openMs: 1_000, trials: 1, trialMs: 100_000 };
  let now = 1_000_000;
  const open = () => {
    const signals = new OutboundSignals();
    const shared = new MemorySharedState(() => now);
    const breaker = new CircuitBreaker(shared, limits, (change) => signals.changed(change));
    const outbound = new Outbound(breaker, { pauseMs: 0, concurrency: 1, queue: 0 }, Math.random, signals);
    const { registry } = observeOutbound(createMetrics({ processMetrics: false }), outbound);
    const fails = (tenantId: string, host: string, attempts = 1) =>
      outbound
        .call({ tenantId, integration: `llm.openai ${host}`, retryable: () => true, options: { attempts } }, () =>
          Promise.reject(new Error('503')),
        )
        .catch(() => undefined);
    return { outbound, fails, text: () => registry.metrics() };
  };

  it('show the worst breaker of a kind of integration, whoever its tenants and hosts are', async () => {
    const { outbound, fails, text } = open();
    await outbound.call({ tenantId: 'a', integration: 'rerank' }, async () => 'well');
    for (const at of [1, 2, 3]) {
      await fails(`tenant_${at}`, `host-${at}.example.com`);
      await fails(`tenant_${at}`, `host-${at}.example.com`);
    }
    expect(await text()).toContain('circuit_breaker_state{integration="rerank"} 0');
    expect(await text()).toContain('circuit_breaker_state{integration="llm.openai"} 1');
    expect(await text()).toContain('circuit_breaker_changes_total{integration="llm.openai",to="open"} 3');
    expect(await text()).not.toMatch(/tenant_1|host-1/);
  });

  it('follow a breaker that is tried and closes', async () => {
    const { outbound, fails, text } = open();
    await fails('a', 'h');
    await fails('a', 'h');
    now += 1_000;
    let during = '';
    await outbound.call({ tenantId: 'a', integration: 'llm.openai h' }, async () => (during = await text()));
    expect(during).toContain('circuit_breaker_state{integration="llm.openai"} 0.5');
    expect(await text()).toContain('circuit_breaker_state{integration="llm.openai"} 0');
    expect(await text()).toContain('circuit_breaker_changes_total{integration="llm.openai",to="closed"} 1');
  });

  it('count repetitions, and calls that were not made and why', async () => {
    const { outbound, fails, text } = open();
    const call = { tenantId: 'a', integration: 'tts.openai' };
    await outbound.call(call, () => expect(outbound.call(call, async () => 1)).rejects.toThrow('Too many'));
    await fails('a', 'h', 2);
    await fails('a', 'h');
    expect(await text()).toContain('external_retries_total{integration="llm.openai"} 1');
    expect(await text()).toContain('external_refused_total{integration="llm.openai",reason="open"} 1');
    expect(await text()).toContain('external_refused_total{integration="tts.openai",reason="busy"} 1');
  });
});
