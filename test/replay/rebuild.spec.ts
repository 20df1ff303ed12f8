import { ProjectionAdmin } from '#infra/projections/admin.js';
import { ProjectionRunner } from '#infra/projections/runner.js';
import type { Database } from '#infra/database/database.js';
import {
  accounts,
  append,
  closed,
  eventually,
  journal,
  moved,
  newEvent,
  openBench,
  opened,
  registryOf,
} from './support.js';
import type { Bench } from './support.js';

function pollReaders(database: Database, count: number, least: number) {
  const problems: unknown[] = [];
  let reads = 0;
  let stopped = false;
  const reader = async (): Promise<void> => {
    while (!stopped) {
      try {
        const [row] = await database.query<{ n: number }>('select count(*)::int as n from read.accounts_v1');
        if ((row?.n ?? 0) < least) problems.push(row);
        reads += 1;
        // The embedded engine answers without the event loop, which others need between two reads.
        await new Promise((resolve) => setImmediate(resolve));
      } catch (error) {
        problems.push(error);
      }
    }
  };
  const all = Promise.all(Array.from({ length: count }, reader));
  return async () => {
    stopped = true;
    await all;
    return { reads, problems };
  };
}

describe('a rebuild', () => {
  let bench: Bench;
  let runner: ProjectionRunner;
  let admin: ProjectionAdmin;

  beforeEach(async () => {
    bench = await openBench();
    const { database, log } = bench;
    const registry = registryOf(accounts, journal);
    runner = new ProjectionRunner({ database, log, registry });
    admin = new ProjectionAdmin({ database, log, registry, leaseMs: 500 });
    await runner.start();
    const names = Array.from({ length: 200 }, (_, at) => `a${at}`);
    await append(log, ...names.map((name) => opened(name)));
    for (let round = 1; round <= 3; round += 1) await append(log, ...names.map((name) => moved(name, round)));
    await append(log, closed('a0'));
    await runner.caughtUp();
  });
  afterEach(async () => {
    await runner.stop();
    await bench.close();
  });

  it('swaps and rolls back while readers read and events arrive, without a failed or empty read', async () => {
    const stop = pollReaders(bench.database, 10, 199);
    let writing = true;
    const writes = (async () => {
      while (writing) await append(bench.log, moved('a1', 1));
    })();
    const report = await admin.rebuild('accounts');
    expect(report).toMatchObject({ generation: 2, swapped: true, definitionChanged: false, differences: { total: 0 } });
    expect(await admin.rollback('accounts')).toEqual({ table: 'accounts', version: 1, generation: 1 });
    writing = false;
    await writes;
    const { reads, problems } = await stop();
    expect(problems).toEqual([]);
    expect(reads).toBeGreaterThan(0);
    await eventually(
      () => runner.feeding.length,
      (n) => n === 3,
    );
    await runner.caughtUp();
    expect((await admin.verify('accounts')).clean).toBe(true);
    expect(await admin.rollback('accounts')).toMatchObject({ generation: 2 });
    expect((await admin.verify('accounts')).clean).toBe(true);
    expect(await admin.retire('accounts')).toEqual([1]);
    await append(bench.log, moved('a1', 1));
    await runner.caughtUp();
    expect((await admin.verify('accounts')).clean).toBe(true);
  });

  it('serves no generation that differs from the live one until told to', async () => {
    await bench.database.query(`update read.rm_accounts_v1_1 set balance = 7 where id = 'a5'`);
    const report = await admin.rebuild('accounts');
    expect(report.swapped).toBe(false);
    expect(report.differences).toEqual({ total: 1, rows: [{ tenantId: 't1', id: 'a5', kind: 'differs' }] });
    await admin.rollback('accounts', { generation: report.generation });
    expect((await admin.verify('accounts')).clean).toBe(true);
  });

  it('goes on after it was cut off, and folds from the table what does not fit in memory', async () => {
    const cut = new AbortController();
    const onProgress = ({ phase }: { phase: string }): void => {
      if (phase === 'indexing') cut.abort();
    };
    const first = admin.rebuild('accounts', { signal: cut.signal, onProgress, maxRowsInMemory: 10 });
    await append(bench.log, moved('a1', 1));
    await first.catch(() => undefined);
    const report = await admin.rebuild('accounts');
    expect(report.generation).toBeLessThanOrEqual(3);
    expect((await admin.verify('accounts')).clean).toBe(true);
  });

  it('is not stopped by unknown events that the projection would not fold', async () => {
    await append(bench.log, newEvent('FromTheFuture', { x: 1 }), opened('later'));
    await runner.caughtUp();
    expect(runner.unknownTypes.get('FromTheFuture')).toBe(1);
    expect(await admin.rebuild('accounts')).toMatchObject({ swapped: true });
    await expect(admin.rebuild('journal')).rejects.toThrow('FromTheFuture');
    await admin.cancelRebuild('journal');
    expect(await admin.rebuild('journal', { skipUnknown: true })).toMatchObject({
      swapped: true,
      unknownTypes: { FromTheFuture: 1 },
    });
  });

  it('verifies by naming each row that was edited, removed or added behind the log', async () => {
    expect(await admin.verify('accounts')).toMatchObject({ clean: true, rows: 199 });
    const before = await admin.digest('accounts');
    await bench.database.query(`update read.accounts_v1 set details = '{"a": 1}' where id = 'a1'`);
    await bench.database.query(`delete from read.accounts_v1 where id = 'a2'`);
    await bench.database.query(
      `insert into read.accounts_v1 select tenant_id, 'added', owner, balance, moves, details, tags, moved_at from read.accounts_v1 where id = 'a3'`,
    );
    await bench.database.query(`delete from read.journal_v1 where id = (select min(id) from read.journal_v1)`);
    expect((await admin.digest('accounts')).sha256).not.toBe(before.sha256);
    expect((await admin.verify('accounts')).differences).toEqual({
      total: 3,
      rows: [
        { tenantId: 't1', id: 'a1', kind: 'differs' },
        { tenantId: 't1', id: 'a2', kind: 'missing' },
        { tenantId: 't1', id: 'added', kind: 'extra' },
      ],
    });
    expect((await admin.verify('journal')).differences).toMatchObject({ total: 1, rows: [{ kind: 'missing' }] });
  });

  it('shows the rows of a tenant as they were', async () => {
    const { position } = await append(bench.log, moved('a9', 50));
    await append(bench.log, opened('theirs', 't2'), moved('a9', 1_000));
    const scope = { tenantId: 't1', id: 'a9' };
    expect(await admin.asOf('accounts', { position }, scope)).toMatchObject({ rows: [{ id: 'a9', balance: '56' }] });
    const [stored] = await bench.log.readAllBackwards({ before: null, limit: 1 });
    const now = await admin.asOf('accounts', { instant: stored?.recordedAt ?? '' }, { tenantId: 't1' });
    expect(now.rows).toHaveLength(199);
    expect(await admin.asOf('accounts', { position }, { tenantId: 't2' })).toMatchObject({ rows: [] });
  });
});
