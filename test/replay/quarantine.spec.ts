import { ProjectionAdmin } from '#infra/projections/admin.js';
import { ProjectionRunner } from '#infra/projections/runner.js';
import {
  accountRows,
  accounts,
  append,
  closed,
  eventually,
  faults,
  moved,
  newEvent,
  openBench,
  opened,
  registryOf,
} from './support.js';
import type { Bench } from './support.js';

describe('quarantine', () => {
  let bench: Bench;
  let runner: ProjectionRunner;
  let admin: ProjectionAdmin;

  beforeEach(async () => {
    bench = await openBench();
    const { database, log } = bench;
    const registry = registryOf(accounts);
    runner = new ProjectionRunner({ database, log, registry });
    admin = new ProjectionAdmin({ database, log, registry });
    await runner.start();
  });
  afterEach(async () => {
    faults.amount = Number.NaN;
    await runner.stop();
    await bench.close();
  });

  it('holds back one key from its first bad event on and lets all others through', async () => {
    faults.amount = 13;
    await append(bench.log, opened('a'), opened('b'), moved('a', 1), moved('a', 13), moved('b', 2), moved('a', 4));
    await append(bench.log, moved('a', 8), moved('b', 3));
    await runner.caughtUp();
    expect(await accountRows(bench.database)).toMatchObject([
      { id: 'a', balance: '1' },
      { id: 'b', balance: '5' },
    ]);
    expect(await admin.quarantine('accounts')).toMatchObject([
      { tenantId: 't1', key: 'a', eventType: 'MoneyMoved', error: 'this amount is refused', parked: 2 },
    ]);
    expect(await admin.list()).toMatchObject([{ quarantinedKeys: 1, eventsBehind: 0, state: 'active' }]);
    expect((await admin.verify('accounts')).clean).toBe(true);
  });

  it('replays a key in order from the log once its fold works, and folds what comes after', async () => {
    faults.amount = 13;
    await append(bench.log, opened('a'), moved('a', 13), moved('a', 4));
    await runner.caughtUp();
    expect(await admin.retry('accounts', { tenantId: 't1', id: 'a' })).toMatchObject([{ released: false }]);
    faults.amount = Number.NaN;
    expect(await admin.retry('accounts', { tenantId: 't1', id: 'a' })).toEqual([
      { released: true, replayed: 2, error: null },
    ]);
    await append(bench.log, moved('a', 100));
    await runner.caughtUp();
    expect(await accountRows(bench.database)).toMatchObject([{ balance: '117', moves: 3 }]);
    expect(await admin.quarantine()).toEqual([]);
    expect((await admin.verify('accounts')).clean).toBe(true);
  });

  it('quarantines what the database refuses too', async () => {
    await append(bench.log, opened('good'), newEvent('AccountOpened', { account: 'bad', owner: 'nul \u0000' }));
    await runner.caughtUp();
    expect(await accountRows(bench.database)).toMatchObject([{ id: 'good' }]);
    expect(await admin.quarantine()).toMatchObject([{ key: 'bad' }]);
  });

  it('lets a key go whose later events leave a row that can be kept, or none', async () => {
    await append(bench.log, newEvent('AccountOpened', { account: 'bad', owner: 'nul \u0000' }));
    await runner.caughtUp();
    await append(bench.log, closed('bad'), opened('bad'), moved('bad', 2));
    await runner.caughtUp();
    expect(await admin.quarantine()).toMatchObject([{ key: 'bad', parked: 3 }]);
    expect(await admin.retry('accounts', { tenantId: 't1', id: 'bad' })).toEqual([
      { released: true, replayed: 4, error: null },
    ]);
    expect(await accountRows(bench.database)).toMatchObject([{ id: 'bad', balance: '2' }]);
  });

  it('stops the projection with its error when too many keys fail', async () => {
    const bad = Array.from({ length: 101 }, (_, at) => moved(`k${at}`, 13));
    faults.amount = 13;
    await append(bench.log, ...bad);
    const [status] = await eventually(
      () => admin.list(),
      (list) => list[0]?.state === 'failed',
    );
    expect(status?.error).toContain('more than 100 keys');
    faults.amount = Number.NaN;
    await admin.resume('accounts');
    await eventually(
      () => admin.list(),
      (list) => list[0]?.eventsBehind === 0,
    );
  });

  it('stops only the projections of an event whose key cannot be told', async () => {
    await append(bench.log, newEvent('MoneyMoved', { amount: 1 }));
    await eventually(
      () => admin.list(),
      (list) => list[0]?.state === 'failed',
    );
  });
});
