import { jest } from '@jest/globals';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { RunPresence } from './run-presence.handler.js';

const key = { tenantId: 't', streamId: '01900000-0000-7000-8000-000000000001' };

describe('who watches a run', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const watched = (graceMs: number) => {
    const presence = new RunPresence(new MemorySharedState());
    const left = { told: false };
    const stop = presence.watchOver(key, graceMs, () => (left.told = true));
    return { presence, left, stop };
  };

  it('has left also when it came and went between two looks', async () => {
    const { presence, left, stop } = watched(0);
    presence.join(key)();
    await jest.advanceTimersByTimeAsync(200);
    expect(left.told).toBe(true);
    stop();
  });

  it('may take some seconds to come', async () => {
    const { presence, left, stop } = watched(0);
    await jest.advanceTimersByTimeAsync(4_000);
    expect(left.told).toBe(false);
    const leave = presence.join(key);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(left.told).toBe(false);
    leave();
    await jest.advanceTimersByTimeAsync(200);
    expect(left.told).toBe(true);
    stop();
  });

  it('may come back within the grace', async () => {
    const { presence, left, stop } = watched(5_000);
    presence.join(key)();
    await jest.advanceTimersByTimeAsync(3_000);
    const leave = presence.join(key);
    await jest.advanceTimersByTimeAsync(20_000);
    expect(left.told).toBe(false);
    leave();
    await jest.advanceTimersByTimeAsync(20_000);
    expect(left.told).toBe(true);
    stop();
  });
});
