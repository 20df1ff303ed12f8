import { Injectable } from '@nestjs/common';
import type { CallerContext } from '#api/http/caller.js';
import type { Position } from '#infra/event-log/event-log.js';

/** Waits until a read model has passed a position, for a bounded time; says how far behind it stayed otherwise. */
export interface ProgressWaiter {
  waitFor(
    table: string,
    position: Position,
    timeoutMs: number,
  ): Promise<{ reached: boolean; lagEvents: number | null }>;
}

const LONGEST_WAIT_MS = 2_000;

/** Makes a caller see what it wrote: in this process by waiting after the command, in others by `X-Min-Position`. */
@Injectable()
export class ReadYourWrites {
  constructor(private readonly waiter: ProgressWaiter) {}

  /** Waits for the read models that the endpoint names, and tells the caller where the log stood. */
  async after(position: Position | null, caller: CallerContext): Promise<void> {
    if (position === null) return;
    caller.setHeader('x-log-position', position);
    await this.wait(caller.waitsFor, position, caller);
  }

  /** Before a query: waits until `table` shows what the caller has seen elsewhere. */
  async before(table: string, caller: CallerContext): Promise<void> {
    const { minPosition } = caller;
    if (minPosition !== undefined) await this.wait([table], minPosition, caller);
  }

  private async wait(tables: readonly string[], position: Position, caller: CallerContext): Promise<void> {
    const results = await Promise.all(tables.map((table) => this.waiter.waitFor(table, position, LONGEST_WAIT_MS)));
    const late = results.filter((result) => !result.reached);
    if (late.length > 0)
      caller.setHeader('x-projection-lag', String(Math.max(...late.map((result) => result.lagEvents ?? 1))));
  }
}
