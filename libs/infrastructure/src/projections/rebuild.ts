import type { AnyProjection } from '#domain/kernel/projection.js';
import { foldInto, keyed, type Rows } from './batch.js';
import { isTransient } from '#infra/database/database-errors.js';
import { backoff, breathe } from './backoff.js';
import { Fed } from './fed.js';
import { LeaseLost } from './generations.js';
import { ProjectionReader } from './log-reader.js';
import { ReadTable, type Differences } from './read-table.js';
import { definitionHash } from './row.js';
import { Swapper, type SwapParts } from './swap.js';

export type RebuildPhase = 'building' | 'indexing' | 'catching-up' | 'verifying' | 'swapping';

export interface RebuildProgress {
  readonly phase: RebuildPhase;
  readonly position: string;
  readonly head: string;
}

export interface RebuildOptions {
  /** Leave out events of unknown types; otherwise a rebuild that would fold one stops with the type named. */
  readonly skipUnknown?: boolean;
  /** Serve the new generation even where it differs from the old one of an equal definition. False by default. */
  readonly acceptDifferences?: boolean;
  /** Rows that are folded in memory; beyond them the table holds the rows. 1,000,000 by default. */
  readonly maxRowsInMemory?: number;
  /** Stops between batches; the next rebuild of the table goes on from there. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RebuildProgress) => void;
}

export interface RebuildReport {
  readonly table: string;
  readonly version: number;
  readonly generation: number;
  readonly events: number;
  readonly rows: number;
  readonly seconds: number;
  readonly unknownTypes: Readonly<Record<string, number>>;
  readonly definitionChanged: boolean;
  /** Against the generation that served before, at one equal position; null when the definition changed. */
  readonly differences: Differences | null;
  readonly swapped: boolean;
}

export interface RebuildParts extends SwapParts {
  readonly owner: string;
  readonly leaseMs: number;
}

const INSERT_ROWS = 2_000;

/** One rebuild: a new generation beside the served one, filled, compared, and swapped in. */
export class Rebuild {
  private events = 0;
  private head = '';
  private readonly reader: ProjectionReader;
  private readonly swapper: Swapper;
  private readonly started = performance.now();

  constructor(
    private readonly parts: RebuildParts,
    private readonly projection: AnyProjection,
    private readonly options: RebuildOptions,
  ) {
    this.reader = new ProjectionReader(parts.log, parts.registry, projection);
    this.swapper = new Swapper(parts);
  }

  async run(): Promise<RebuildReport> {
    const fed = await this.begin();
    const renewing = setInterval(() => void this.renew(fed), this.parts.leaseMs / 3);
    try {
      return await this.through(fed);
    } finally {
      clearInterval(renewing);
      await this.parts.generations.release([fed], this.parts.owner);
    }
  }

  private async through(fed: Fed): Promise<RebuildReport> {
    const { generations } = this.parts;
    await this.fill(fed);
    this.tell('indexing', fed);
    await fed.table.createIndexes();
    await fed.table.analyze();
    await generations.setState(fed, 'catching-up');
    await this.catchUp(fed);
    await generations.setState(fed, 'verifying');
    this.tell('verifying', fed);
    const compared = await this.compare(fed);
    const swapped = (compared.differences?.total ?? 0) === 0 || this.options.acceptDifferences === true;
    const report = await this.report(fed, compared, swapped);
    await generations.setState(fed, 'ready', report);
    if (swapped) await this.swap(fed);
    return report;
  }

  /** Takes up an unfinished rebuild, or makes a new generation. Throws when another process is at it. */
  private async begin(): Promise<Fed> {
    const { database, generations, owner, leaseMs } = this.parts;
    const { table, version } = this.projection as { table: string; version: number };
    await generations.ensure(this.projection);
    const generation = await database.transaction(async () => {
      await database.query(`select pg_advisory_xact_lock(hashtext($1))`, [`projection ${table} ${version}`]);
      const rows = await generations.of(table, version);
      const unfinished = rows.find((row) => ['building', 'catching-up', 'verifying'].includes(row.state));
      if (unfinished !== undefined) return unfinished.generation;
      const next = Math.max(...rows.map((row) => row.generation)) + 1;
      await generations.insert(this.projection, next, 'building');
      await new ReadTable(database, this.projection, next).create();
      return next;
    });
    const lease = { owner, ms: leaseMs };
    const states = ['building', 'catching-up', 'verifying'] as const;
    const [fed] = await generations.acquire([this.projection], states, lease, generation);
    if (fed === undefined) throw new Error(`another process rebuilds ${table}, or stopped less than ${leaseMs} ms ago`);
    return fed;
  }

  private async fill(fed: Fed): Promise<void> {
    const head = await this.readHead();
    if (fed.position === '') {
      // What a crash left there has no checkpoint.
      await fed.table.truncate();
      if (this.projection.form !== 'append') await this.fillFromMemory(fed, head);
    }
    await this.inBatches(fed, head, 'building');
  }

  private async fillFromMemory(fed: Fed, head: string): Promise<void> {
    const rows: Rows = new Map();
    let position = '';
    for await (const page of this.reader.read(this.range('', head))) {
      foldInto(this.projection, fed.table.columns, rows, keyed(this.projection, page.events));
      this.events += page.events.length;
      position = page.scannedTo;
      this.tell('building', fed, position);
      if (rows.size > (this.options.maxRowsInMemory ?? 1_000_000)) break;
    }
    if (position === '') return;
    const live = [...rows.values()].filter((row) => row !== undefined);
    for (let from = 0; from < live.length; from += INSERT_ROWS) {
      await this.fenced(fed, () => fed.table.upsert(live.slice(from, from + INSERT_ROWS)));
      await breathe();
    }
    await this.parts.applier.apply([fed], [], { after: '', to: position });
  }

  private async inBatches(fed: Fed, to: string, phase: RebuildPhase): Promise<void> {
    for await (const page of this.reader.read(this.range(fed.position, to))) {
      await this.parts.applier.apply([fed], page.events, { after: page.after, to: page.scannedTo });
      this.events += page.events.length;
      this.tell(phase, fed);
    }
  }

  private async catchUp(fed: Fed): Promise<void> {
    for (let round = 0; round < 5; round += 1) {
      const head = await this.readHead();
      if (fed.position >= head) return;
      await this.inBatches(fed, head, 'catching-up');
    }
  }

  /** Compares with the served generation in one snapshot, with both at one position there. */
  private async compare(fed: Fed): Promise<Pick<RebuildReport, 'definitionChanged' | 'differences'>> {
    const never = new AbortController().signal;
    for (let attempt = 1; ; attempt += 1) {
      const before = fed.position;
      try {
        return await this.parts.database.transaction(() => this.compareIn(fed), { isolation: 'repeatable read' });
      } catch (error) {
        // The owner of the served generation moved it meanwhile, and this transaction saw the older one.
        fed.position = before;
        if (attempt >= 20 || !(isTransient(error) || error instanceof LeaseLost)) throw error;
        await backoff(attempt, never);
      }
    }
  }

  private async compareIn(fed: Fed): Promise<Pick<RebuildReport, 'definitionChanged' | 'differences'>> {
    const { database, generations } = this.parts;
    const active = (await generations.of(...this.name)).find((row) => row.state === 'active');
    const definitionChanged = active?.definition_hash !== definitionHash(this.projection);
    if (active === undefined || definitionChanged || active.error !== null) {
      return { definitionChanged, differences: null };
    }
    const table = new ReadTable(database, this.projection, active.generation);
    const served = new Fed(this.projection, table, active, active.owner);
    await this.swapper.level(fed, served.position, this.options.skipUnknown);
    await this.swapper.level(served, fed.position, true);
    return { definitionChanged, differences: await fed.table.differences(table) };
  }

  private async swap(fed: Fed): Promise<void> {
    this.tell('swapping', fed);
    await this.swapper.serve(this.projection, fed.key[2]);
  }

  private async report(fed: Fed, compared: Awaited<ReturnType<Rebuild['compare']>>, swapped: boolean) {
    const [table, version] = this.name;
    return {
      table,
      version,
      generation: fed.key[2],
      events: this.events,
      rows: await fed.table.count(),
      seconds: Math.round(performance.now() - this.started) / 1_000,
      unknownTypes: Object.fromEntries(this.reader.unknownTypes),
      ...compared,
      swapped,
    };
  }

  /** Runs a write only while the lease is ours, and keeps others out until it is committed. */
  private async fenced(fed: Fed, write: () => Promise<void>): Promise<void> {
    this.options.signal?.throwIfAborted();
    await this.parts.database.transaction(async () => {
      const held = await this.parts.generations.renew([fed], this.parts.owner, this.parts.leaseMs);
      if (!held.has(fed)) throw new LeaseLost(fed.name);
      await write();
    });
  }

  private async renew(fed: Fed): Promise<void> {
    // A lost lease shows at the next write, which is fenced.
    await this.parts.generations.renew([fed], this.parts.owner, this.parts.leaseMs).catch(() => undefined);
  }

  private async readHead(): Promise<string> {
    this.head = (await this.parts.log.head()) ?? '';
    return this.head;
  }

  private range(after: string, to: string) {
    const { signal, skipUnknown = false } = this.options;
    return { after, to, signal, skipUnknown };
  }

  private tell(phase: RebuildPhase, fed: Fed, position = fed.position): void {
    this.options.onProgress?.({ phase, position, head: this.head });
  }

  private get name(): [table: string, version: number] {
    return [this.projection.table, this.projection.version];
  }
}
