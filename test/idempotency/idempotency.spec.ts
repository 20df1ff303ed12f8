import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Facts } from '#domain/kernel/decider.js';
import type { KeyStore } from '#infra/content/content-store.js';
import type { IdempotencyScope, Run } from '#infra/idempotency/claims.js';
import { IdempotencyStore, responseSubject } from '#infra/idempotency/idempotency-store.js';
import { fileHome, type KeyStoreHome } from '#test/content/key-stores.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';

const facts = (): Facts => ({
  tenantId: 'acme',
  actor: { type: 'api_key', id: 'key-1', role: 'admin' },
  now: new Date().toISOString(),
  commandId: randomUUID(),
  newId: randomUUID(),
  requestId: null,
});

const scope = (key: string = randomUUID()): IdempotencyScope => ({
  tenantId: 'acme',
  actorId: 'key-1',
  method: 'POST',
  path: '/v1/self-serve/api-keys',
  key,
});

const created = { status: 201, headers: { 'x-request-id': 'r-1' }, body: { api_key: 'nrk_canary_secret' } };

describe('an idempotency key', () => {
  let test: TestDatabase;
  let home: KeyStoreHome;
  let keys: KeyStore;
  const stores: IdempotencyStore[] = [];
  let store: IdempotencyStore;

  const openStore = (options: ConstructorParameters<typeof IdempotencyStore>[2] = {}): IdempotencyStore => {
    const opened = new IdempotencyStore(test.database, keys, options);
    stores.push(opened);
    return opened;
  };

  beforeAll(async () => {
    test = await openTestDatabase();
    home = await fileHome();
    keys = await home.open();
    store = openStore();
  });
  afterAll(async () => {
    for (const each of stores) await each.close();
    await keys.close();
    await home.remove();
    await test.drop();
  });

  const run = async (of: IdempotencyStore, at: IdempotencyScope, with_ = facts(), print = 'f'): Promise<Run> => {
    const claim = await of.claim(at, print, with_);
    if (claim.state !== 'run') throw new Error(`expected to run, got ${claim.state}`);
    return claim;
  };

  it('runs once for 20 parallel callers, and every other replays its response', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3), { minLength: 20, maxLength: 20 }), async (delays) => {
        const at = scope();
        let runs = 0;
        const outcomes = await Promise.all(
          delays.map(async (turns) => {
            for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
            const claim = await store.claim(at, 'f', facts());
            if (claim.state !== 'run') return claim;
            runs += 1;
            await store.complete(claim, created);
            return { state: 'replay', ...created };
          }),
        );
        expect(runs).toBe(1);
        for (const outcome of outcomes) expect(outcome).toEqual({ state: 'replay', ...created });
      }),
      { numRuns: 10 },
    );
  });

  it('conflicts with another request, in flight and done', async () => {
    const at = scope();
    const first = await run(store, at);
    expect(await store.claim(at, 'other', facts())).toEqual({ state: 'conflict' });
    await store.complete(first, created);
    expect(await store.claim(at, 'other', facts())).toEqual({ state: 'conflict' });
  });

  it.each(['tenantId', 'actorId', 'method', 'path', 'key'] as const)(
    'is another key under another %s',
    async (part) => {
      const at = scope();
      await store.complete(await run(store, at), created);
      expect((await store.claim({ ...at, [part]: 'another' }, 'f', facts())).state).toBe('run');
      await test.database.execute('delete from idempotency.claim');
    },
  );

  it('keeps no clear word of a response in the database', async () => {
    await store.complete(await run(store, scope()), created);
    const rows = await test.database.query<{ row: string }>('select c::text as row from idempotency.claim c');
    const hex = Buffer.from('nrk_canary_secret').toString('hex');
    expect(rows.filter(({ row }) => row.includes('nrk_canary') || row.includes(hex))).toEqual([]);
  });

  it('is free again after a 4xx', async () => {
    const at = scope();
    await store.complete(await run(store, at), { status: 422, headers: {}, body: null });
    const mine = facts();
    expect(await run(store, at, mine, 'other')).toMatchObject({ facts: mine, takenOver: false });
  });

  it('runs again with the same facts after a 5xx, whose effect is not known', async () => {
    const at = scope();
    const first = facts();
    await store.complete(await run(store, at, first), { status: 503, headers: {}, body: null });
    expect(await run(store, at)).toMatchObject({ facts: first, takenOver: true });
  });

  it('is taken over with its stored facts when its owner died, and the dead owner can no longer answer', async () => {
    const dying = openStore({ leaseMs: 60_000 });
    const at = scope();
    const first = facts();
    const dead = await run(dying, at, first);
    await test.database.execute(
      `update idempotency.claim set lease_until = now() - interval '1 s' where claim_id = $1`,
      [dead.claimId],
    );
    const heir = await run(store, at);
    expect(heir).toMatchObject({ facts: first, takenOver: true });
    expect(await dying.complete(dead, created)).toBe(false);
    expect(await store.complete(heir, created)).toBe(true);
  });

  it('is kept by an owner that lives longer than its lease', async () => {
    const slow = openStore({ leaseMs: 300 });
    const at = scope();
    const first = await run(slow, at);
    const twin = openStore({ waitMs: 1_000 });
    expect(await twin.claim(at, 'f', facts())).toEqual({ state: 'busy' });
    expect(await slow.complete(first, created)).toBe(true);
  });

  it('is no longer kept by an owner whose answer could not be stored', async () => {
    const failing = new IdempotencyStore(
      test.database,
      { ...keys, keyFor: () => Promise.reject(new Error('down')) },
      { leaseMs: 50 },
    );
    stores.push(failing);
    const at = scope();
    const first = facts();
    const owner = await run(failing, at, first);
    await expect(failing.complete(owner, created)).rejects.toThrow('down');
    expect(await run(store, at)).toMatchObject({ facts: first, takenOver: true });
  });

  it('is busy for a twin that waited long enough', async () => {
    const at = scope();
    await run(store, at);
    expect(await openStore({ waitMs: 20 }).claim(at, 'f', facts())).toEqual({ state: 'busy' });
  });

  it('runs anew once it expired, purged or not', async () => {
    const short = openStore({ ttlMs: 0 });
    const at = scope();
    await short.complete(await run(short, at), created);
    await short.complete(await run(short, at, facts(), 'other'), created);
    expect(await short.purge()).toBeGreaterThan(0);
  });

  it('runs anew when the key of its response was destroyed', async () => {
    const at = scope();
    await store.complete(await run(store, at), created);
    await keys.destroy(responseSubject('acme'));
    expect((await store.claim(at, 'f', facts())).state).toBe('run');
  });
});
