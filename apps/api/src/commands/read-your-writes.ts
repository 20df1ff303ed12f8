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
/** Who did not ask to wait waits no longer than this where projections stand still. */
const TOLD_WAIT_MS = 500;
/** Of how many tenants and read models this process knows what was told last. */
const MOST_TOLD = 20_000;

/**
 * Makes a caller see what it wrote: in this process by waiting after the command, or before the next query of its tenant, in others by
 * `X-Min-Position`. `head` tells where the log stands.
 */
@Injectable()
export class ReadYourWrites {
  private readonly told = new Map<string, Position>();

  constructor(
    private readonly waiter: ProgressWaiter,
    private readonly head: () => Promise<Position | null>,
  ) {}

  /** Somebody is about to be told, as in a stream, of what the log has up to a position, while these read models may be behind it. */
  note(tenantId: string, tables: readonly string[], position: Position | null): void {
    for (const table of tables) {
      const name = `${table} ${tenantId}`;
      if (position === null || position <= (this.told.get(name) ?? '')) continue;
      this.told.delete(name);
      this.told.set(name, position);
      const [oldest] = this.told.keys();
      if (this.told.size > MOST_TOLD && oldest !== undefined) this.told.delete(oldest);
    }
  }

  /** Waits for the read models that the endpoint names, or lets the next query wait for them, and tells the caller where the log stood. */
  async after(position: Position | null, caller: CallerContext): Promise<void> {
    if (position === null) return;
    caller.setHeader('x-log-position', position);
    if (caller.waitsLater) this.note(caller.tenantId, caller.waitsFor, position);
    else await this.wait(caller.waitsFor, position, caller);
  }

  /** Before a query: waits until `table` shows what the caller has seen elsewhere, and what its tenant was told here. */
  async before(table: string, caller: CallerContext): Promise<void> {
    const { minPosition, tenantId } = caller;
    const told = this.told.get(`${table} ${tenantId}`);
    if (told !== undefined) await this.wait([table], told, caller, TOLD_WAIT_MS);
    if (minPosition !== undefined) await this.wait([table], minPosition, caller);
  }

  /** Waits until read models show what the log holds now, for what is known to be in it and is not shown. */
  async catchUp(tables: readonly string[], caller: CallerContext): Promise<void> {
    const position = await this.head();
    if (position !== null) await this.wait(tables, position, caller, TOLD_WAIT_MS);
  }

  private async wait(
    tables: readonly string[],
    position: Position,
    caller: CallerContext,
    longestMs = LONGEST_WAIT_MS,
  ): Promise<void> {
    const results = await Promise.all(tables.map((table) => this.waiter.waitFor(table, position, longestMs)));
    const late = results.filter((result) => !result.reached);
    if (late.length > 0)
      caller.setHeader('x-projection-lag', String(Math.max(...late.map((result) => result.lagEvents ?? 1))));
  }
}
