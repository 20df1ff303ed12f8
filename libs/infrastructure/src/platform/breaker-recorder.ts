import { setTimeout as delay } from 'node:timers/promises';
import { CatalogueError } from '#domain/kernel/errors.js';
import { newId } from '#infra/commands/ids.js';
import { WriterFenced } from '#infra/event-log/event-log.js';
import type { BreakerChange } from '#infra/shared-state/circuit-breaker.js';

/** A change with the id of its command: told again it changes nothing. */
export interface BreakerNote {
  readonly change: BreakerChange;
  readonly commandId: string;
}

export interface BreakerRecorderOptions {
  /** Appends the event of a change. */
  readonly record: (note: BreakerNote) => Promise<unknown>;
  /** Told of the first failure of each outage. */
  readonly onProblem: (error: unknown) => void;
  /** Told of each change that no event will ever tell, for want of a log. */
  readonly onLost?: () => void;
  /** Changes that may wait for the log; the oldest ones are given up first. 1,000 by default. */
  readonly capacity?: number;
  /** The first pause in ms after the log refused, doubled up to 64 times that; 100 by default. */
  readonly pauseMs?: number;
}

/** Tells the log of breakers in the background: whoever calls out never waits for it, nor fails by it. */
export class BreakerRecorder {
  private readonly waiting: BreakerNote[] = [];
  private readonly stopping = new AbortController();
  private telling: Promise<void> | undefined;

  constructor(private readonly options: BreakerRecorderOptions) {}

  /** Never throws. */
  changed(change: BreakerChange): void {
    if (this.waiting.length >= (this.options.capacity ?? 1_000)) this.giveUp(1);
    this.waiting.push({ change, commandId: newId() });
    this.telling ??= this.tellAll().finally(() => (this.telling = undefined));
  }

  /** Tells what waits if the log takes it at once, and gives up the rest. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.telling;
  }

  private async tellAll(): Promise<void> {
    const { pauseMs = 100 } = this.options;
    for (let failures = 0; this.waiting[0] !== undefined;) {
      const note = this.waiting[0];
      if (await this.settled(note, failures)) {
        failures = 0;
        // It may have been given up meanwhile.
        if (this.waiting[0] === note) this.waiting.shift();
        continue;
      }
      if (this.stopping.signal.aborted) return this.giveUp(this.waiting.length);
      const pause = pauseMs * 2 ** Math.min(6, failures);
      failures += 1;
      await delay(pause, undefined, { ref: false, signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  /** False while it is worth trying again. */
  private async settled(note: BreakerNote, failures: number): Promise<boolean> {
    try {
      await this.options.record(note);
      return true;
    } catch (error) {
      if (failures === 0) this.options.onProblem(error);
      if (mayPass(error)) return false;
      this.options.onLost?.();
      return true;
    }
  }

  private giveUp(oldest: number): void {
    this.waiting.splice(0, oldest).forEach(() => this.options.onLost?.());
  }
}

function mayPass(error: unknown): boolean {
  if (error instanceof CatalogueError) return error.row.kind === 'unavailable';
  if (error instanceof WriterFenced) return error.reason === 'frozen';
  return !(error instanceof TypeError || error instanceof RangeError);
}
