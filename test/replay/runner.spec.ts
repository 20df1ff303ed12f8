import { ProjectionRunner } from '#infra/projections/runner.js';
import {
  accountRows,
  accounts,
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
});
