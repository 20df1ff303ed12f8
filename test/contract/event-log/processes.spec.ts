import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { StoredEvent } from '#infra/event-log/event-log.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import { openTestDatabase, testEngine, type TestDatabase } from '#test/support/database.js';

interface Writer {
  readonly process: ChildProcess;
  /** Ids of events that the writer was told are stored. */
  readonly acknowledged: string[];
  readonly ended: Promise<unknown>;
}

function startWriter(url: string, name: string, rounds: number): Writer {
  const flags = ['--no-warnings', '--conditions=source'];
  const script = ['--import=./test/support/swc-source.mjs', './test/support/event-log-writer.ts'];
  const child = spawn(process.execPath, [...flags, ...script, url, name, String(rounds)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line !== 'ready') acknowledged.push(line);
  });
  return { process: child, acknowledged, ended: once(child, 'close') };
}

/** Follows the log until `enough`; fails at the first position that is missed or out of order. */
async function followGapless(log: PostgresEventLog, enough: (seen: StoredEvent[]) => boolean): Promise<StoredEvent[]> {
  const stop = new AbortController();
  const seen: StoredEvent[] = [];
  for await (const batch of log.subscribe({ after: null, signal: stop.signal, batchSize: 97 })) {
    for (const event of batch.events) {
      seen.push(event);
      expect(Number(event.position)).toBe(seen.length);
    }
    if (enough(seen)) stop.abort();
  }
  return seen;
}

function expectStreamsInOrder(events: readonly StoredEvent[]): void {
  const next = new Map<string, number>();
  for (const event of events) {
    expect(event.revision).toBe(next.get(event.stream) ?? 0);
    next.set(event.stream, event.revision + 1);
  }
}

const onServer = testEngine === 'postgres' ? describe : describe.skip;

onServer('several writer processes on one event log', () => {
  let open: TestDatabase;
  let log: PostgresEventLog;
  const writers: Writer[] = [];
  beforeEach(async () => {
    open = await openTestDatabase();
    log = await PostgresEventLog.open(open.database);
  });
  afterEach(async () => {
    for (const writer of writers.splice(0)) writer.process.kill('SIGKILL');
    await log.close();
    await open.drop();
  });

  it('leave no gap and keep every stream in order, and a reader beside them misses nothing', async () => {
    for (const name of ['a', 'b', 'c']) writers.push(startWriter(open.url ?? '', name, 100));
    const seen = await followGapless(log, (events) => events.length >= 3 * 12 * 100);
    await Promise.all(writers.map(({ ended }) => ended));
    expectStreamsInOrder(seen);
    expect(seen).toHaveLength(3_600);
    expect(seen.filter(({ stream }) => stream === 'shared-tenant_a.all')).toHaveLength(720);
    const ids = new Set(seen.map(({ id }) => id));
    for (const { acknowledged } of writers) expect(acknowledged.every((id) => ids.has(id))).toBe(true);
  });

  it('lose nothing that was acknowledged and leave no gap when one is killed in the middle', async () => {
    const killed = startWriter(open.url ?? '', 'killed', 1_000_000);
    const other = startWriter(open.url ?? '', 'other', 60);
    writers.push(killed, other);
    await followGapless(log, () => killed.acknowledged.length > 200);
    killed.process.kill('SIGKILL');
    await Promise.all([killed.ended, other.ended]);
    const left = startWriter(open.url ?? '', 'left', 20);
    writers.push(left);
    await left.ended;
    const head = Number(await log.head());
    const seen = await followGapless(log, (events) => events.length >= head);
    expectStreamsInOrder(seen);
    const ids = new Set(seen.map(({ id }) => id));
    for (const { acknowledged } of writers) expect(acknowledged.filter((id) => !ids.has(id))).toEqual([]);
  });
});
