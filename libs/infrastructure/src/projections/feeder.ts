import { untilBeat } from '#infra/batching/beats.js';
import type { Recorded } from '#domain/kernel/events.js';
import type { Batch, EventLog, StoredEvent } from '#infra/event-log/event-log.js';
import { backoff, breathe } from './backoff.js';
import type { Fed } from './fed.js';
import type { GenerationStore } from './generations.js';
import type { Hurry } from './hurry.js';
import type { CapabilityRegistry } from './registry.js';
import type { Settler } from './settler.js';

export interface FeederParts {
  readonly log: EventLog;
  readonly registry: CapabilityRegistry;
  readonly settler: Settler;
  readonly generations: GenerationStore;
  readonly batchSize: number;
  readonly hurry: Hurry;
  /** How old an event may at least get before it is projected, in milliseconds, while nobody in this process waits for it. */
  readonly restMs: number;
  readonly onProblem: (error: unknown) => void;
  readonly onUnknown: (type: string) => void;
}

/** A rest is so many times as long as the batch before it took, and so many milliseconds longer than its shortest at most. */
const REST_TO_WORK = 6;
const MOST_LONGER_MS = 50;

/**
 * One reader of the log for all generations near its head (the pack); each generation that is further behind reads on
 * its own until it can join. A generation ahead of the pack skips what it has seen.
 */
export class Feeder {
  private readonly pack = new Set<Fed>();
  private readonly chasing = new Set<Fed>();
  private readonly stopping = new AbortController();
  private turn: Promise<unknown> = Promise.resolve();
  private position = '';
  /** Of the last batch. */
  private tookMs = 0;
  private following: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  private readonly chases = new Set<Promise<void>>();

  constructor(private readonly parts: FeederParts) {}

  get feds(): readonly Fed[] {
    return [...this.pack, ...this.chasing];
  }

  /** Starts to feed; those of one position read together. */
  adopt(feds: readonly Fed[]): void {
    if (feds.length === 0 || this.stopping.signal.aborted) return;
    const groups = Map.groupBy(feds, (fed) => fed.position);
    if (this.pack.size === 0) {
      this.position = [...groups.keys()].reduce((a, b) => (a > b ? a : b));
      for (const fed of groups.get(this.position) ?? []) this.pack.add(fed);
      this.follow();
    }
    for (const [position, group] of groups) {
      if (position >= this.position) for (const fed of group) this.pack.add(fed);
      else this.chase(group);
    }
  }

  drop(fed: Fed): void {
    this.pack.delete(fed);
    this.chasing.delete(fed);
    if (this.pack.size === 0) this.following?.abort.abort();
  }

  /** Ends after the batch that is under way. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.following?.abort.abort();
    await Promise.all([this.following?.done, ...this.chases]);
  }

  /** What it does holds up others: the longer the last batch took, the more goes together in the next. */
  private get restMs(): number {
    const { restMs } = this.parts;
    return Math.max(restMs, Math.min(restMs + MOST_LONGER_MS, this.tookMs * REST_TO_WORK));
  }

  private follow(): void {
    const before = this.following?.done;
    this.following?.abort.abort();
    const abort = new AbortController();
    this.following = { abort, done: this.followLoop(abort.signal, before) };
  }

  private async followLoop(signal: AbortSignal, before: Promise<void> | undefined): Promise<void> {
    await before;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        const { batchSize, hurry } = this.parts;
        const rest = (ended: AbortSignal): Promise<void> => hurry.rest(untilBeat(this.restMs), ended);
        const options = { after: this.position || null, batchSize, signal, rest };
        for await (const batch of ahead(this.parts.log.subscribe(options))) {
          if (signal.aborted) break;
          await this.inTurn(() => this.take(batch, signal));
          attempt = 1;
        }
      } catch (error) {
        if (!signal.aborted) this.parts.onProblem(error);
      }
      if (!signal.aborted) await backoff(attempt, signal);
    }
  }

  private async take({ events, scannedTo, caughtUp }: Batch, signal: AbortSignal): Promise<void> {
    if (scannedTo !== null && scannedTo > this.position) {
      this.sendStragglers();
      const pack = [...this.pack];
      const began = performance.now();
      const range = { after: this.position, to: scannedTo };
      const kept = await this.parts.settler.settle(pack, this.recorded(events), range, signal);
      this.tookMs = performance.now() - began;
      for (const fed of pack) if (!kept.includes(fed)) this.drop(fed);
      if (signal.aborted) return;
      this.position = scannedTo;
      this.sendStragglers();
      await breathe();
    }
    if (caughtUp) await this.markReady([...this.pack]);
  }

  /** Whoever was adopted while a batch was under way has not seen that batch. */
  private sendStragglers(): void {
    for (const fed of [...this.pack].filter((member) => member.position < this.position)) {
      this.pack.delete(fed);
      this.chase([fed]);
    }
  }

  private chase(feds: readonly Fed[]): void {
    for (const fed of feds) this.chasing.add(fed);
    const done = this.chaseLoop(feds)
      .catch((error: unknown) => {
        this.parts.onProblem(error);
        for (const fed of feds) this.drop(fed);
      })
      .finally(() => this.chases.delete(done));
    this.chases.add(done);
  }

  private async chaseLoop(feds: readonly Fed[]): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted && feds.some((fed) => this.chasing.has(fed))) {
      const close = await this.page(feds, signal);
      if (!close) continue;
      // The pack stands still for the last few events, so that under constant load too the gap closes.
      await this.inTurn(async () => {
        while (!signal.aborted && feds.some((fed) => this.chasing.has(fed) && fed.position < this.position)) {
          await this.page(feds, signal);
        }
        for (const fed of feds) if (this.chasing.delete(fed)) this.joins(fed);
      });
    }
  }

  private joins(fed: Fed): void {
    if (this.pack.size === 0) {
      this.position = fed.position;
      this.pack.add(fed);
      this.follow();
    } else this.pack.add(fed);
  }

  /** One page for generations of one position; true when it was the last. */
  private async page(feds: readonly Fed[], signal: AbortSignal): Promise<boolean> {
    const mine = feds.filter((fed) => this.chasing.has(fed));
    const from = mine.reduce((least, fed) => (fed.position < least ? fed.position : least), mine[0]?.position ?? '');
    try {
      const page = await this.parts.log.readAll({ after: from || null, limit: this.parts.batchSize });
      if (page.scannedTo === null) return true;
      const kept = await this.parts.settler.settle(
        mine,
        this.recorded(page.events),
        { after: from, to: page.scannedTo },
        signal,
      );
      for (const fed of mine) if (!kept.includes(fed)) this.drop(fed);
      await breathe();
      return page.atHead;
    } catch (error) {
      this.parts.onProblem(error);
      await backoff(4, signal);
      return false;
    }
  }

  private async markReady(feds: readonly Fed[]): Promise<void> {
    const fresh = feds.filter((fed) => !fed.ready);
    if (fresh.length === 0) return;
    await this.parts.generations.markReady(fresh);
    for (const fed of fresh) fed.ready = true;
  }

  private recorded(events: readonly StoredEvent[]): readonly Recorded[] {
    const known: Recorded[] = [];
    for (const stored of events) {
      const event = this.parts.registry.toRecorded(stored);
      if (event === undefined) this.parts.onUnknown(stored.type);
      else known.push(event);
    }
    return known;
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }
}

/** Asks for the next batch before the last was taken, so that reading and writing overlap. */
async function* ahead(batches: AsyncIterable<Batch>): AsyncGenerator<Batch> {
  const iterator = batches[Symbol.asyncIterator]();
  let next = iterator.next();
  try {
    for (;;) {
      const result = await next;
      if (result.done === true) return;
      next = iterator.next();
      next.catch(() => undefined);
      yield result.value;
    }
  } finally {
    next.catch(() => undefined);
    void iterator.return?.();
  }
}
