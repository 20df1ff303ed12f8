import { setTimeout as delay } from 'node:timers/promises';
import type { Recorded } from '#domain/kernel/events.js';
import { handledTypes, type AnyRow } from '#domain/kernel/projection.js';
import type { Database } from '#infra/database/database.js';
import type { Batch, EventLog, StoredEvent } from '#infra/event-log/event-log.js';
import { GenerationStore } from '#infra/projections/generations.js';
import { ReadTable } from '#infra/projections/read-table.js';
import type { HotRows } from './hot-rows.js';
import { within } from './within.js';

export interface HotStateOptions {
  readonly database: Database;
  /** The domain log. */
  readonly log: Pick<EventLog, 'subscribe' | 'head'>;
  /** The registry's; undefined for events that this build does not know. */
  readonly toRecorded: (stored: StoredEvent) => Recorded | undefined;
  /** Milliseconds without a sign from the log after which memory is not asked any more; 2,000 by default. */
  readonly staleMs?: number;
  readonly onError?: (error: unknown, where: string) => void;
}

/** Milliseconds after which a question for the head has failed, so that later ones do not wait behind it. */
const HEAD_MS = 2_000;

/** Rows that one statement of the snapshot reads. */
const PAGE = 5_000;

interface Waiter {
  readonly position: string;
  readonly done: () => void;
}

/** Boots rows from the read models in one snapshot and follows the log for all of them by one subscription. */
export class HotFollower {
  private readonly stopping = new AbortController();
  private readonly waiters = new Set<Waiter>();
  private readonly heads: HeadReader;
  private following: Promise<void> | undefined;
  private freshAtMs = -Infinity;
  private blind = false;
  /** Every event of the log up to here is folded in. */
  position = '';

  constructor(
    private readonly options: HotStateOptions,
    private readonly tables: readonly HotRows[],
  ) {
    this.heads = new HeadReader(async () => (await options.log.head()) ?? '');
  }

  /** `performance.now()` of the last batch or heartbeat. */
  get freshAt(): number {
    return this.freshAtMs;
  }

  isStale(ms = this.options.staleMs ?? 2_000): boolean {
    return this.blind || performance.now() - this.freshAtMs > ms;
  }

  async start(): Promise<void> {
    await this.options.database.detached(async () => {
      await this.boot();
      this.following = this.followForEver();
    });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.following;
    for (const { done } of this.waiters) done();
  }

  /** True when memory has passed a position, after at most `timeoutMs`. */
  async catchUp(position: string, timeoutMs: number): Promise<boolean> {
    if (this.position >= position) return true;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => waiter.done(), timeoutMs);
      const waiter: Waiter = {
        position,
        done: () => {
          clearTimeout(timer);
          this.waiters.delete(waiter);
          resolve();
        },
      };
      this.waiters.add(waiter);
    });
    return this.position >= position;
  }

  /** True when memory has everything that the log held when this was called, after at most `timeoutMs`. */
  async passHead(timeoutMs: number): Promise<boolean> {
    return this.catchUp(await within(this.heads.read(), timeoutMs), timeoutMs);
  }

  private async boot(): Promise<void> {
    const { database } = this.options;
    const generations = new GenerationStore(database);
    for (const { projection } of this.tables) await generations.ensure(projection);
    const found = await database.transaction(
      async () => {
        const snapshots: { table: HotRows; rows: AnyRow[]; position: string }[] = [];
        for (const table of this.tables) snapshots.push({ table, ...(await this.snapshot(table)) });
        return snapshots;
      },
      { isolation: 'repeatable read' },
    );
    for (const { table, rows, position } of found) table.replace(rows, position);
    this.blind = false;
    this.moved(found.map(({ position }) => position).reduce((a, b) => (a < b ? a : b), found[0]?.position ?? ''));
  }

  /** Not by the view: a swap in mid-snapshot would repoint it, and give rows that do not belong to the position. */
  private async snapshot({ projection }: HotRows): Promise<{ rows: AnyRow[]; position: string }> {
    const { database } = this.options;
    const [active] = await database.query<{ position: string; generation: number }>(
      `select position, generation from projections.generations where table_name = $1 and version = $2 and state = 'active'`,
      [projection.table, projection.version],
    );
    if (active === undefined) throw new Error(`${projection.table} version ${projection.version} has no active table`);
    const table = new ReadTable(database, projection, active.generation);
    const rows: AnyRow[] = [];
    for (let page = await table.page(undefined, PAGE); page.length > 0; page = await table.page(rows.at(-1), PAGE)) {
      rows.push(...page);
      if (page.length < PAGE) break;
    }
    return { rows, position: active.position };
  }

  private async followForEver(): Promise<void> {
    const { signal } = this.stopping;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await this.follow();
        failures = -1;
      } catch (error) {
        this.options.onError?.(error, 'hot state');
      }
      await delay(Math.min(2_000, 20 * 2 ** Math.max(0, failures)), undefined, { signal }).catch(() => undefined);
    }
  }

  private async follow(): Promise<void> {
    const lists = this.tables.map(({ projection }) => handledTypes(projection));
    const types = lists.includes(undefined) ? undefined : [...new Set(lists.flatMap((list) => list ?? []))];
    const { signal } = this.stopping;
    const after = this.position === '' ? null : this.position;
    const filter = types === undefined ? {} : { filter: { types } };
    for await (const batch of this.options.log.subscribe({ after, ...filter, signal })) this.take(batch);
  }

  private take(batch: Batch): void {
    const events: Recorded[] = [];
    for (const stored of batch.events) {
      const event = this.options.toRecorded(stored);
      if (event !== undefined) events.push(event);
      else this.goBlind(stored);
    }
    const to = batch.scannedTo ?? '';
    for (const table of this.tables) {
      for (const error of table.apply(events, to)) this.options.onError?.(error, `hot ${table.projection.table}`);
    }
    // Far behind, memory is no fresher than a table; only at the head is it current.
    if (batch.caughtUp) this.freshAtMs = performance.now();
    this.moved(to);
  }

  /** A payload of a newer build may be a revocation: from here only the table is trusted. */
  private goBlind(stored: StoredEvent): void {
    if (!this.blind) this.options.onError?.(new Error(`${stored.type} is newer than this build`), 'hot state');
    this.blind = true;
  }

  private moved(to: string): void {
    if (to > this.position) this.position = to;
    for (const waiter of this.waiters) if (waiter.position <= this.position) waiter.done();
  }
}

/** Reads the head for many callers at once; none gets an answer that was asked for before its own question. */
class HeadReader {
  private running: Promise<string> | undefined;
  private next: Promise<string> | undefined;

  constructor(private readonly head: () => Promise<string>) {}

  read(): Promise<string> {
    if (this.running === undefined) return this.begin();
    this.next ??= this.running.then(
      () => this.begin(),
      () => this.begin(),
    );
    return this.next;
  }

  private begin(): Promise<string> {
    this.next = undefined;
    const running = within(this.head(), HEAD_MS).finally(() => {
      if (this.running === running) this.running = undefined;
    });
    this.running = running;
    return running;
  }
}
