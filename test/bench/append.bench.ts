import { randomUUID } from 'node:crypto';
import { Database } from '#infra/database/database.js';
import type { EventLog, Position } from '#infra/event-log/event-log.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import { anEvent } from '#test/support/event-log-events.js';

export interface AppendRow {
  readonly writers: number;
  readonly perSecond: number;
  readonly p50ms: number;
  readonly p99ms: number;
}

export interface AppendBench {
  /** One event an append, each writer waiting for its own. */
  readonly appends: readonly AppendRow[];
  /** The same events by plain multi-row inserts of 128 into one table with the same indexes: what the disk allows. */
  readonly rawInsertsPerSecond: number;
  readonly readAllPerSecond: number;
  readonly readRawPerSecond: number;
}

export interface AppendBenchOptions {
  readonly writers?: readonly number[];
  readonly seconds?: number;
}

/** Measures appends and reads of the log on a migrated, empty database. */
export async function runAppendBench(databaseUrl: string, options: AppendBenchOptions = {}): Promise<AppendBench> {
  const database = await Database.open({ url: databaseUrl });
  const log = await PostgresEventLog.open(database);
  const seconds = options.seconds ?? 3;
  const appends: AppendRow[] = [];
  await measureAppends(log, 16, 0.5);
  for (const writers of options.writers ?? [1, 8, 64, 128]) appends.push(await measureAppends(log, writers, seconds));
  const rawInsertsPerSecond = await measureInserts(database, seconds);
  const readAllPerSecond = await measureReads(async (after) => {
    const page = await log.readAll({ after, limit: 1_000 });
    return { count: page.events.length, last: page.scannedTo };
  });
  const readRawPerSecond = await measureReads(async (after) => {
    const events = await log.readRaw(after, 1_000);
    return { count: events.length, last: events.at(-1)?.position ?? after };
  });
  await log.close();
  await database.close();
  return { appends, rawInsertsPerSecond, readAllPerSecond, readRawPerSecond };
}

async function measureAppends(log: EventLog, writers: number, seconds: number): Promise<AppendRow> {
  const took: number[] = [];
  const until = performance.now() + seconds * 1_000;
  const started = performance.now();
  const write = async (): Promise<void> => {
    while (performance.now() < until) {
      const stream = `parcel-tenant_a.${randomUUID()}`;
      for (let revision = -1; revision < 9; revision += 1) {
        const began = performance.now();
        const expected = revision < 0 ? 'no-stream' : { revision };
        await log.append(stream, [anEvent({ data: { ...payload, at: revision } })], { expected });
        took.push(performance.now() - began);
      }
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
  const elapsed = performance.now() - started;
  took.sort((a, b) => a - b);
  const quantile = (q: number): number => round(took[Math.floor(took.length * q)] ?? 0);
  return {
    writers,
    perSecond: Math.round((took.length / elapsed) * 1_000),
    p50ms: quantile(0.5),
    p99ms: quantile(0.99),
  };
}

const payload = { title: 'A parcel of the usual size', note: 'x'.repeat(120), amount: '12.50', tags: ['red', 'blue'] };

async function measureInserts(database: Database, seconds: number): Promise<number> {
  await database.query(`create table raw_insert (like log.event including indexes)`);
  const texts = Array.from({ length: 128 }, () => JSON.stringify(payload));
  const metadata = Array.from({ length: 128 }, () => JSON.stringify(anEvent().metadata));
  let stored = 0;
  const started = performance.now();
  while (performance.now() < started + seconds * 1_000) {
    const ids = Array.from({ length: 128 }, () => randomUUID());
    await database.query(
      `insert into raw_insert
       select 1, $1::bigint + u.n, $1::bigint, u.n, u.id, 'ParcelMoved', 1, 0, now(), u.data, u.metadata
         from unnest($2::uuid[], $3::text[], $4::text[]) with ordinality u(id, data, metadata, n)`,
      [stored, ids, texts, metadata],
    );
    stored += 128;
  }
  return Math.round((stored / (performance.now() - started)) * 1_000);
}

async function measureReads(
  read: (after: Position | null) => Promise<{ count: number; last: Position | null }>,
): Promise<number> {
  let total = 0;
  let after: Position | null = null;
  const started = performance.now();
  for (;;) {
    const { count, last }: { count: number; last: Position | null } = await read(after);
    total += count;
    after = last;
    if (count < 1_000) return Math.round((total / (performance.now() - started)) * 1_000);
  }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
