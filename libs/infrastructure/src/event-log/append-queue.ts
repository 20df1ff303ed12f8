import { AppendOutcomeUnknown, LogUnavailable } from './event-log.js';
import type { PreparedAppend } from './prepared-append.js';

export interface AppendQueueLimits {
  /** Most appends in one flush; 128. */
  readonly flushAppends?: number;
  /** Most bytes in one flush; 1 MiB. A single larger append goes alone. */
  readonly flushBytes?: number;
  /** Most appends that may wait; 8,192. */
  readonly waitingAppends?: number;
  /** Most bytes that may wait; 64 MiB. */
  readonly waitingBytes?: number;
}

/** Sends one batch; gives for each append, in order, its result or its error. A rejection fails them all. */
export type Flush<R> = (batch: readonly PreparedAppend[]) => Promise<readonly (R | Error)[]>;

interface Waiting<R> {
  readonly append: PreparedAppend;
  readonly resolve: (result: R) => void;
  readonly reject: (error: Error) => void;
  state: 'waiting' | 'sent' | 'settled';
}

/**
 * Group commit inside one process: whatever waits goes as one call as soon as the last call has returned. No timer adds
 * to a caller's wait, and one call is in flight at a time.
 */
export class AppendQueue<R> {
  private waiting: Waiting<R>[] = [];
  private waitingBytes = 0;
  private running: Promise<void> | undefined;
  private lastFlushMs = 5;
  private closed = false;
  private readonly limits: Required<AppendQueueLimits>;

  constructor(
    private readonly flush: Flush<R>,
    limits: AppendQueueLimits = {},
  ) {
    this.limits = {
      flushAppends: 128,
      flushBytes: 1024 * 1024,
      waitingAppends: 8_192,
      waitingBytes: 64 * 1024 * 1024,
      ...limits,
    };
  }

  /** Rejects with `LogUnavailable` when the queue is full or closed, with the signal's reason when aborted while waiting. */
  push(append: PreparedAppend, signal?: AbortSignal): Promise<R> {
    if (this.closed) return Promise.reject(new LogUnavailable('the log is closed', 1_000));
    if (signal?.aborted === true) return Promise.reject(asError(signal.reason));
    if (this.isFull(append))
      return Promise.reject(new LogUnavailable('too many appends are waiting', this.retryAfter()));
    return new Promise<R>((resolve, reject) => {
      const item: Waiting<R> = { append, resolve, reject, state: 'waiting' };
      if (signal !== undefined) this.watch(item, signal);
      this.waiting.push(item);
      this.waitingBytes += append.bytes;
      this.running ??= this.run();
    });
  }

  /** Takes no more appends and waits for those that it has. */
  async close(): Promise<void> {
    this.closed = true;
    await this.running;
  }

  private isFull(append: PreparedAppend): boolean {
    const { waitingAppends, waitingBytes } = this.limits;
    return this.waiting.length >= waitingAppends || this.waitingBytes + append.bytes > waitingBytes;
  }

  private retryAfter(): number {
    const flushes = Math.ceil(this.waiting.length / this.limits.flushAppends);
    return Math.min(5_000, Math.max(50, Math.ceil(flushes * this.lastFlushMs)));
  }

  private watch(item: Waiting<R>, signal: AbortSignal): void {
    const abort = (): void => {
      const { stream, bytes } = item.append;
      if (item.state === 'sent') item.reject(new AppendOutcomeUnknown(stream, { cause: signal.reason }));
      if (item.state === 'waiting') {
        this.waiting = this.waiting.filter((other) => other !== item);
        this.waitingBytes -= bytes;
        item.reject(asError(signal.reason));
      }
      item.state = 'settled';
    };
    signal.addEventListener('abort', abort, { once: true });
    const { resolve, reject } = item;
    const forget = (): void => signal.removeEventListener('abort', abort);
    Object.assign(item, {
      resolve: (result: R) => (forget(), resolve(result)),
      reject: (error: Error) => (forget(), reject(error)),
    });
  }

  private async run(): Promise<void> {
    // One turn of the loop, so that all who were woken by the last flush, or ask in this turn, go together.
    await nextTurn();
    while (this.waiting.length > 0) {
      await this.send(this.take());
      await nextTurn();
    }
    this.running = undefined;
  }

  private async send(batch: readonly Waiting<R>[]): Promise<void> {
    const started = performance.now();
    for (const item of batch) item.state = 'sent';
    let outcomes: readonly (R | Error)[];
    try {
      outcomes = await this.flush(batch.map((item) => item.append));
    } catch (error) {
      outcomes = batch.map(({ append }) => ownError(asError(error), append.stream));
    }
    this.lastFlushMs = performance.now() - started;
    for (const [at, item] of batch.entries()) settle(item, outcomes[at]);
  }

  /** As many waiting appends as fit, in order; what must not share a call with an earlier one waits for the next. */
  private take(): Waiting<R>[] {
    const batch: Waiting<R>[] = [];
    const left: Waiting<R>[] = [];
    const call = new Call();
    let at = 0;
    for (const item of this.waiting) {
      if (batch.length >= this.limits.flushAppends) break;
      if (batch.length > 0 && call.bytes + item.append.bytes > this.limits.flushBytes) break;
      (call.takes(item.append) ? batch : left).push(item);
      at += 1;
    }
    this.waiting = left.concat(this.waiting.slice(at));
    this.waitingBytes -= call.bytes;
    return batch;
  }
}

/** Which appends may share one call. */
class Call {
  bytes = 0;
  private readonly ids = new Set<string>();
  /** For each stream of the call, or passed over for it: whether more appends may join. */
  private readonly open = new Map<string, boolean>();

  takes({ stream, expected, events, bytes }: PreparedAppend): boolean {
    const known = this.open.get(stream);
    // Only appends that expect nothing chain: their verdicts do not hang on each other.
    const chains = expected === 'any' && known !== false;
    const fits = (known === undefined || chains) && !events.some(({ id }) => this.ids.has(id));
    this.open.set(stream, fits && chains);
    if (!fits) return false;
    for (const { id } of events) this.ids.add(id);
    this.bytes += bytes;
    return true;
  }
}

function settle<R>(item: Waiting<R>, outcome: R | Error | undefined): void {
  if (item.state !== 'sent') return;
  item.state = 'settled';
  if (outcome === undefined) item.reject(new AppendOutcomeUnknown(item.append.stream));
  else if (outcome instanceof Error) item.reject(outcome);
  else item.resolve(outcome);
}

/** Each caller of a failed flush is told of its own stream, not of a neighbour's. */
function ownError(error: Error, stream: string): Error {
  return error instanceof AppendOutcomeUnknown ? new AppendOutcomeUnknown(stream, { cause: error.cause }) : error;
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
