import fc from 'fast-check';
import { FairSlots, SlotsTaken, type Slot } from '#infra/shared-state/fair-slots.js';

const ample = { capacity: 10, queue: 100, waitMs: 60_000 };

async function many(slots: FairSlots, tenantId: string, count: number): Promise<Slot[]> {
  return Promise.all(Array.from({ length: count }, () => slots.acquire(tenantId)));
}

describe('fair places', () => {
  it('keep room for a tenant that comes later, however much the first one wants', async () => {
    const slots = new FairSlots({ ...ample, waitMs: 5 });
    const asked = await Promise.allSettled(Array.from({ length: 50 }, () => slots.acquire('greedy')));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(8);
    expect(asked.find(({ status }) => status === 'rejected')).toMatchObject({ reason: expect.any(SlotsTaken) });
    await slots.acquire('modest');
    expect(slots.taken).toBe(9);
  });

  it('give a free place to the waiting tenant that holds the fewest', async () => {
    const slots = new FairSlots({ ...ample, capacity: 4 });
    const held = await many(slots, 'greedy', 4);
    const served: string[] = [];
    const wait = (tenantId: string): Promise<unknown> => slots.acquire(tenantId).then(() => served.push(tenantId));
    const waits = [wait('greedy'), wait('greedy'), wait('modest'), wait('other')];
    expect(slots.waiting).toBe(4);
    for (const slot of held) slot.release();
    await Promise.all(waits);
    expect(served.slice(0, 2).sort()).toEqual(['modest', 'other']);
    expect(slots.taken).toBe(4);
  });

  it('refuse at once whoever would wait behind a full queue, and after the wait whoever was not served', async () => {
    const slots = new FairSlots({ capacity: 1, queue: 1, waitMs: 10 });
    const slot = await slots.acquire('a');
    const waiting = slots.acquire('a');
    await expect(slots.acquire('a')).rejects.toThrow(SlotsTaken);
    await expect(waiting).rejects.toThrow(SlotsTaken);
    slot.release();
    expect([slots.taken, slots.waiting]).toEqual([0, 0]);
  });

  it('are given back once, however often they are', async () => {
    const slots = new FairSlots(ample);
    const [first] = await many(slots, 'a', 2);
    first?.release();
    first?.release();
    expect(slots.taken).toBe(1);
  });

  it('never leak and are never held by more than there are, whoever leaves whenever', async () => {
    const caller = fc.record({
      tenant: fc.constantFrom('a', 'b', 'c'),
      turns: fc.nat({ max: 6 }),
      leaves: fc.option(fc.nat({ max: 6 }), { nil: undefined }),
    });
    const turns = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at += 1) await new Promise((resolve) => setImmediate(resolve));
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(caller, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 6 }),
        async (callers, capacity) => {
          const slots = new FairSlots({ capacity, queue: 5, waitMs: 60_000 });
          let most = 0;
          const one = async ({ tenant, turns: count, leaves }: (typeof callers)[number]): Promise<void> => {
            const abort = new AbortController();
            const leaving = leaves === undefined ? undefined : turns(leaves).then(() => abort.abort(new Error('left')));
            try {
              const slot = await slots.acquire(tenant, { signal: abort.signal });
              most = Math.max(most, slots.taken);
              await turns(count);
              slot.release();
            } finally {
              await leaving;
            }
          };
          const outcomes = await Promise.allSettled(callers.map(one));
          const reasons = outcomes.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
          expect(reasons.filter((reason) => !/left|all places are taken/.test(reason))).toEqual([]);
          expect(most).toBeLessThanOrEqual(capacity);
          expect([slots.taken, slots.waiting]).toEqual([0, 0]);
        },
      ),
    );
  });
});
