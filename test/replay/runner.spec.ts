import type { NewEvent } from '#infra/event-log/event-log.js';
import type { Recorded } from '#domain/kernel/events.js';
import { BatchApplier } from '#infra/projections/applier.js';
import { GenerationStore, LeaseLost } from '#infra/projections/generations.js';
import { ProgressHub } from '#infra/projections/progress.js';
import { QuarantineStore } from '#infra/projections/quarantine.js';
import { ReaderHeartbeat } from '#infra/projections/readers.js';
import { ProjectionWaiter } from '#infra/projections/waiter.js';
import { ProjectionRunner } from '#infra/projections/runner.js';
import {
  accountRows,
  accounts,
  accountsV2,
  append,
  closed,
  eventually,
  journal,
  moved,
  openBench,
  opened,
  registryOf,
} from './support.js';
import type { Bench } from './support.js';

function recorded(event: NewEvent): Recorded {
  const { metadata } = event;
  const place = { stream: 'accounts-t1.late', revision: 0, position: '1' };
  return { ...event, ...place, tenantId: metadata.tenantId, occurredAt: metadata.occurredAt };
}

describe('the projection runner', () => {
  let bench: Bench;
  const runners: ProjectionRunner[] = [];
  const problems: unknown[] = [];

  const start = async (over: { leaseMs?: number; batchSize?: number } = {}) => {
    const { database, log } = bench;
    const onProblem = (error: unknown): number => problems.push(error);
    const runner = new ProjectionRunner({ database, log, registry: registryOf(accounts, journal), onProblem, ...over });
    runners.push(runner);
    await runner.start();
    return runner;
  };

  beforeEach(async () => {
    bench = await openBench();
    problems.length = 0;
  });
  afterEach(async () => {
    for (const runner of runners.splice(0)) await runner.stop();
    await bench.close();
  });

  it('folds what was there before it and what comes after, each event once', async () => {
    await append(bench.log, opened('a'), moved('a', 5), opened('gone'));
    const runner = await start({ batchSize: 2 });
    await append(bench.log, moved('a', 7), closed('gone'), opened('b'));
    await runner.caughtUp();
    expect(await accountRows(bench.database)).toMatchObject([
      {
        id: 'a',
        balance: '12',
        moves: 2,
        details: { a: { deep: 'owner of a' }, z: [1.5, null] },
        tags: ['a"b', 'c,d', ''],
      },
      { id: 'b', balance: '0', moves: 0 },
    ]);
    const rows = await bench.database.query('select kind from read.journal_v1');
    expect(rows).toHaveLength(6);
    expect(problems).toEqual([]);
  });

  it('goes on where another runner stopped', async () => {
    const first = await start();
    await append(bench.log, opened('a'), moved('a', 1));
    await first.caughtUp();
    await first.stop();
    await append(bench.log, moved('a', 2));
    const second = await start();
    await eventually(
      () => second.feeding.length,
      (n) => n === 2,
    );
    await second.caughtUp();
    expect(await accountRows(bench.database)).toMatchObject([{ balance: '3', moves: 2 }]);
  });

  it('feeds everything exactly once while two runners take the leases from each other', async () => {
    const { database, log } = bench;
    await start({ leaseMs: 300, batchSize: 3 });
    await start({ leaseMs: 300, batchSize: 3 });
    await append(log, opened('a'), opened('b'));
    for (let round = 0; round < 40; round += 1) {
      await append(log, moved('a', 1), moved('b', 2));
      // As if the owner had been silent for too long.
      if (round % 5 === 0) {
        await database.query(`update projections.generations set expires_at = now() - interval '1 second'`);
        await database.notify('projection_lease', '');
      }
    }
    await eventually(
      () => accountRows(database),
      (rows) => rows.length === 2 && rows.every((row) => row.moves >= 40),
    );
    expect(await accountRows(database)).toMatchObject([
      { id: 'a', balance: '40', moves: 40 },
      { id: 'b', balance: '80', moves: 40 },
    ]);
    // The other projection has leases of its own, and so a pace of its own.
    const entries = () => database.query('select 1 from read.journal_v1');
    await eventually(entries, (rows) => rows.length >= 82);
    expect(await entries()).toHaveLength(82);
  });

  it('takes over from an owner that vanished in the middle of a batch', async () => {
    const { database, log } = bench;
    const dead = new GenerationStore(database);
    await dead.ensure(accounts);
    await append(log, opened('a'), moved('a', 1));
    const [lost] = await dead.acquire([accounts], ['active'], { owner: 'dead', ms: 500 });
    if (lost === undefined) throw new Error('the lease was not free');
    const crash = database.transaction(async () => {
      await dead.move([lost], '00000000000000000002', 500);
      throw new Error('crash');
    });
    await expect(crash).rejects.toThrow('crash');
    await start({ leaseMs: 500 });
    const rows = await eventually(
      () => accountRows(database),
      (found) => found[0]?.moves === 1,
    );
    expect(rows).toMatchObject([{ id: 'a', balance: '1' }]);
  });

  it('lets no owner write that lost its lease while it was paused', async () => {
    const { database } = bench;
    const store = new GenerationStore(database);
    await store.ensure(accounts);
    const [paused] = await store.acquire([accounts], ['active'], { owner: 'paused', ms: 0 });
    const [next] = await eventually(
      () => store.acquire([accounts], ['active'], { owner: 'next', ms: 60_000 }),
      (feds) => feds.length === 1,
    );
    if (paused === undefined || next === undefined) throw new Error('no lease');
    const applier = new BatchApplier(database, store, new QuarantineStore(database), new ProgressHub(), 60_000);
    const late = [recorded(opened('late'))];
    await expect(applier.apply([paused], late, { after: '', to: '1' })).rejects.toBeInstanceOf(LeaseLost);
    expect(await accountRows(database)).toEqual([]);
    await applier.apply([next], late, { after: '', to: '1' });
    expect(await accountRows(database)).toMatchObject([{ id: 'late' }]);
  });

  describe('where a crash of the server forgot the last commits', () => {
    /** As after a crash: checkpoints and rows are as they were at a position. */
    async function setBackTo(position: string, journaled: readonly string[]): Promise<void> {
      await bench.database.transaction(async () => {
        await bench.database.execute('update projections.generations set position = $1', [position]);
        await bench.database.execute(`delete from read.rm_accounts_v1_1 where id = 'b'`);
        await bench.database.execute('delete from read.rm_journal_v1_1 where id <> all($1::text[])', [journaled]);
      });
    }

    const rowsOf = async (): Promise<unknown[]> => {
      const journals = await bench.database.query<{ n: number }>('select count(*)::int as n from read.journal_v1');
      return [...(await accountRows(bench.database)).map(({ id, balance }) => [id, balance]), journals[0]?.n];
    };

    it.each([
      ['with the next event', true],
      ['without one', false],
    ])('feeds them again %s', async (_, more) => {
      await append(bench.log, opened('a'));
      const runner = await start({ leaseMs: 1_000 });
      await runner.caughtUp();
      const before = (await bench.log.head()) ?? '';
      const journaled = await bench.database.query<{ id: string }>('select id from read.journal_v1');
      await append(bench.log, opened('b'), moved('b', 3));
      await runner.caughtUp();
      await setBackTo(
        before,
        journaled.map(({ id }) => id),
      );
      if (more) await append(bench.log, moved('a', 4));
      const whole = JSON.stringify([['a', more ? '4' : '0'], ['b', '3'], more ? 4 : 3]);
      await eventually(rowsOf, (rows) => JSON.stringify(rows) === whole);
    });
  });

  it('feeds an older version for as long as a process reads it', async () => {
    const { database, log } = bench;
    const first = await start();
    await append(log, opened('a'));
    await first.caughtUp();
    await first.stop();
    const registry = registryOf(accounts, accountsV2);
    const runner = new ProjectionRunner({ database, log, registry });
    runners.push(runner);
    await runner.start();
    expect(runner.feeding).toEqual(['accounts v2 generation 1']);
    const reader = new ReaderHeartbeat({
      database,
      processId: 'old api',
      versions: [{ table: 'accounts', version: 1 }],
    });
    await reader.start();
    await append(log, moved('a', 3), opened('b'));
    await eventually(
      () => accountRows(database),
      (rows) => rows.length === 2 && rows[0]?.balance === '3',
    );
    await runner.caughtUp();
    expect(await database.query('select id, holder from read.accounts_v2 order by id')).toEqual([
      { id: 'a', holder: 'owner of a' },
      { id: 'b', holder: 'owner of b' },
    ]);
    await reader.stop();
    await database.notify('projection_lease', '');
    await eventually(
      () => runner.feeding,
      (feeding) => feeding.length === 1,
    );
  });

  it('shows a row within the wait for its position', async () => {
    const { database, log } = bench;
    const runner = await start();
    const waiter = new ProjectionWaiter({ database, progress: runner.progress });
    await waiter.start();
    const { position } = await append(log, opened('a'));
    const target = { table: 'accounts', version: 1 };
    expect(await waiter.waitFor(target, position, 20_000)).toEqual({ reached: true, lagEvents: 0 });
    expect(await accountRows(database)).toHaveLength(1);
    const { gapless } = bench.log.capabilities;
    const beyond = gapless ? String(Number(position) + 5).padStart(20, '0') : '9'.repeat(20);
    expect(await waiter.waitFor(target, beyond, 30)).toEqual({ reached: false, lagEvents: gapless ? 5 : null });
    await waiter.stop();
  });

  it('hears of another process by notification or by polling', async () => {
    const { database, log } = bench;
    const deaf = new ProjectionWaiter({ database });
    const listening = new ProjectionWaiter({ database });
    await listening.start();
    await start();
    const { position } = await append(log, opened('a'));
    const target = { table: 'accounts', version: 1 };
    const waits = [deaf, listening].map((waiter) => waiter.waitFor(target, position, 20_000));
    expect(await Promise.all(waits)).toEqual([
      { reached: true, lagEvents: 0 },
      { reached: true, lagEvents: 0 },
    ]);
    await listening.stop();
  });

  it('lets nobody of its process rest while another process waits', async () => {
    const { database } = bench;
    const runner = await start();
    const elsewhere = new ProjectionWaiter({ database });
    const rested = runner.progress.hurries.prompt.rest(60_000, new AbortController().signal);
    const wait = elsewhere.waitFor({ table: 'accounts', version: 1 }, '9'.repeat(20), 1_000);
    const first = await Promise.race([rested.then(() => 'over'), wait.then(() => 'rested on')]);
    await wait;
    expect(first).toBe('over');
  });
});
