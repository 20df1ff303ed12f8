import { randomUUID } from 'node:crypto';
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import pg from 'pg';
import { Database } from '#infra/database/database.js';
import type { NewEvent, Position } from '#infra/event-log/event-log.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import { anEvent } from '#test/support/event-log-events.js';
import { cpuOf } from './databases.js';
import {
  loadNow,
  quantile,
  round,
  type BenchContext,
  type BenchGoal,
  type BenchRow,
  type BenchTable,
} from './report.js';

const WRITERS = [1, 8, 64, 128];
const payload = { title: 'A parcel of the usual size', note: 'x'.repeat(120), amount: '12.50', tags: ['red', 'blue'] };

/** Writes one event to the stream of `writer`; `revision` is that of the event before, -1 for the first. */
type Append = (stream: string, revision: number) => Promise<unknown>;

interface Measured {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly clientUs: number;
  readonly serverUs: number;
  readonly load: string;
}

type RawMeasured = Pick<Measured, 'perSecond' | 'serverUs'>;

/**
 * Durable appends of one event by writers that each wait for their own and own a stream; beside them the same by the
 * Emmett Postgres store, and the same rows by plain inserts of as many rows a transaction as there are writers.
 */
export async function appendSection(context: BenchContext): Promise<readonly BenchTable[]> {
  const ours = await Contestant.open(context);
  const emmett = await EmmettContestant.open(context);
  const raw = await RawInserts.open(context);
  const rows: BenchRow[] = [];
  const goals: BenchGoal[] = [];
  try {
    await measure(ours.url, 16, 0.5, ours.append);
    await measure(emmett.url, 16, 0.5, emmett.append);
    for (const writers of WRITERS) {
      const own = await measure(ours.url, writers, context.seconds, ours.append);
      const theirs = await measure(emmett.url, writers, context.seconds, emmett.append);
      const plain = await raw.measure(writers, context.seconds);
      rows.push(rowOf(writers, own, theirs, plain));
      context.say(JSON.stringify(rows.at(-1)));
      if (writers === 64) goals.push(...goalsOf(own, theirs));
    }
    const reads = await ours.reads();
    return [
      {
        title: 'Durable appends of one event a call',
        rows,
        goals,
        notes: [
          'µs: CPU an event of the client process, and of the Postgres backends of that database.',
          'raw: one insert of N rows a transaction on one connection, N the number of writers, into a table like log.event.',
        ],
      },
      { title: 'Reading the whole log', rows: reads },
    ];
  } finally {
    await raw.close();
    await emmett.close();
    await ours.close();
  }
}

function rowOf(writers: number, own: Measured, theirs: Measured, plain: RawMeasured): BenchRow {
  return {
    writers,
    'appends/s': own.perSecond,
    'p50 ms': own.p50,
    'p99 ms': own.p99,
    'client µs': own.clientUs,
    'server µs': own.serverUs,
    'emmett/s': theirs.perSecond,
    'emmett p50 ms': theirs.p50,
    'emmett server µs': theirs.serverUs,
    'x emmett': round(own.perSecond / theirs.perSecond),
    'raw rows/s': plain.perSecond,
    'raw server µs': plain.serverUs,
    'x raw': round(own.perSecond / plain.perSecond),
    load: own.load,
  };
}

function goalsOf(own: Measured, theirs: Measured): BenchGoal[] {
  const ratio = round(own.perSecond / theirs.perSecond);
  return [
    { what: 'appends/s with 64 writers', goal: 20_000, measured: own.perSecond, atLeast: true },
    { what: 'times Emmett with 64 writers', goal: 5, measured: ratio, atLeast: true },
  ];
}

async function measure(url: string, writers: number, seconds: number, append: Append): Promise<Measured> {
  const took: number[] = [];
  const started = performance.now();
  const until = started + seconds * 1_000;
  const write = async (): Promise<void> => {
    const stream = `parcel-tenant_a.${randomUUID()}`;
    for (let revision = -1; performance.now() < until; revision += 1) {
      const began = performance.now();
      await append(stream, revision);
      took.push(performance.now() - began);
    }
  };
  const { result, clientMs, serverMs } = await cpuOf(url, async () => {
    await Promise.all(Array.from({ length: writers }, write));
    return performance.now() - started;
  });
  return {
    perSecond: Math.round((took.length / result) * 1_000),
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
    clientUs: round((clientMs / took.length) * 1_000, 0),
    serverUs: round((serverMs / took.length) * 1_000, 0),
    load: loadNow(),
  };
}

function eventAt(revision: number): NewEvent {
  return anEvent({ data: { ...payload, at: revision } });
}

class Contestant {
  private constructor(
    readonly url: string,
    private readonly database: Database,
    private readonly log: PostgresEventLog,
  ) {}

  static async open(context: BenchContext): Promise<Contestant> {
    const url = await context.database({ migrated: true });
    const database = await Database.open({ url });
    return new Contestant(url, database, await PostgresEventLog.open(database));
  }

  readonly append: Append = (stream, revision) =>
    this.log.append(stream, [eventAt(revision)], { expected: revision < 0 ? 'no-stream' : { revision } });

  async reads(): Promise<BenchRow[]> {
    const parsed = await measureReads(async (after) => {
      const page = await this.log.readAll({ after, limit: 1_000 });
      return { count: page.events.length, last: page.scannedTo };
    });
    const raw = await measureReads(async (after) => {
      const events = await this.log.readRaw(after, 1_000);
      return { count: events.length, last: events.at(-1)?.position ?? after };
    });
    return [
      { reader: 'readAll, payloads parsed', 'events/s': parsed },
      { reader: 'readRaw, for the ledger', 'events/s': raw },
    ];
  }

  async close(): Promise<void> {
    await this.log.close();
    await this.database.close();
  }
}

class EmmettContestant {
  private constructor(
    readonly url: string,
    private readonly pool: pg.Pool,
    private readonly store: ReturnType<typeof getPostgreSQLEventStore>,
  ) {}

  static async open(context: BenchContext): Promise<EmmettContestant> {
    const url = await context.database({ migrated: false });
    // As many connections as our own pool has by default.
    const pool = new pg.Pool({ connectionString: url, max: 20 });
    const store = getPostgreSQLEventStore(url, { connectionOptions: { pooled: true, pool } });
    await store.schema.migrate();
    return new EmmettContestant(url, pool, store);
  }

  readonly append: Append = (stream, revision) => {
    const { type, data, metadata } = eventAt(revision);
    const event = {
      type,
      data: data as Record<string, unknown>,
      metadata: metadata as unknown as Record<string, unknown>,
    };
    const expectedStreamVersion = revision < 0 ? ('STREAM_DOES_NOT_EXIST' as const) : BigInt(revision + 1);
    return this.store.appendToStream(stream, [event], { expectedStreamVersion });
  };

  async close(): Promise<void> {
    await this.store.close();
    await this.pool.end().catch(() => undefined);
  }
}

/** What the disk and the indexes allow: the log's own table without any of its rules. */
class RawInserts {
  private stored = 0;

  private constructor(
    private readonly url: string,
    private readonly database: Database,
  ) {}

  static async open(context: BenchContext): Promise<RawInserts> {
    const url = await context.database({ migrated: true });
    const database = await Database.open({ url });
    await database.query('create table raw_insert (like log.event including indexes)');
    return new RawInserts(url, database);
  }

  async measure(rows: number, seconds: number): Promise<RawMeasured> {
    const before = this.stored;
    const texts = Array.from({ length: rows }, () => JSON.stringify(payload));
    const metadata = Array.from({ length: rows }, () => JSON.stringify(anEvent().metadata));
    const started = performance.now();
    const { result, serverMs } = await cpuOf(this.url, async () => {
      while (performance.now() < started + seconds * 1_000) await this.insert(rows, texts, metadata);
      return performance.now() - started;
    });
    const stored = this.stored - before;
    return {
      perSecond: Math.round((stored / result) * 1_000),
      serverUs: round((serverMs / stored) * 1_000, 0),
    };
  }

  private async insert(rows: number, texts: readonly string[], metadata: readonly string[]): Promise<void> {
    const ids = Array.from({ length: rows }, () => randomUUID());
    await this.database.query(
      `insert into raw_insert
         select 1, $1::bigint + u.n, $1::bigint, u.n, u.id, 'ParcelMoved', 1, 0, now(), u.data, u.metadata
           from unnest($2::uuid[], $3::text[], $4::text[]) with ordinality u(id, data, metadata, n)`,
      [this.stored, ids, texts, metadata],
    );
    this.stored += rows;
  }

  close(): Promise<void> {
    return this.database.close();
  }
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
