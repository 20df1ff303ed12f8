import type { Database } from '#infra/database/database.js';
import { pause } from './backoff.js';
import { PROGRESS_CHANNEL } from './generations.js';
import type { ProgressHub } from './progress.js';

export interface WaitResult {
  /** True when the read model shows everything up to the position. */
  readonly reached: boolean;
  /** Events that it is behind, 0 when reached; null where the log's positions are no count. */
  readonly lagEvents: number | null;
}

export interface WaitTarget {
  readonly table: string;
  readonly version: number;
}

export interface ProjectionWaiterOptions {
  readonly database: Database;
  /** The hub of this process's runner, where there is one. */
  readonly progress?: ProgressHub;
}

/**
 * Waits, never longer than it is told, until a read model has passed a position: from memory, from this process's
 * runner, from other processes' NOTIFY, and by polling every 25 to 100 ms should a message be lost.
 */
export class ProjectionWaiter {
  private readonly known = new Map<string, string>();
  private readonly waiting = new Map<string, Set<() => void>>();
  private readonly stops: (() => void | Promise<void>)[] = [];

  constructor(private readonly options: ProjectionWaiterOptions) {}

  /** Starts to listen. Waiting works before too, by polling. */
  async start(): Promise<void> {
    const { database, progress } = this.options;
    const note = (table: string, version: number, position: string): void => this.note(`${table}:${version}`, position);
    if (progress !== undefined) this.stops.push(progress.subscribe(note));
    const unlisten = await database.listen(PROGRESS_CHANNEL, (payload) => {
      // `<table>:<version>:<position>`; a position may hold a colon of its own.
      const [table, version, ...position] = payload.split(':');
      if (table !== undefined && version !== undefined) this.note(`${table}:${version}`, position.join(':'));
    });
    this.stops.push(unlisten);
  }

  async stop(): Promise<void> {
    for (const stop of this.stops.splice(0)) await stop();
  }

  /** Resolves within `timeoutMs`, also when the position was not reached. Do not call it inside a transaction. */
  async waitFor(target: WaitTarget, position: string, timeoutMs: number): Promise<WaitResult> {
    const name = `${target.table}:${target.version}`;
    if (this.passed(name, position)) return { reached: true, lagEvents: 0 };
    const settled = new AbortController();
    const done = (): void => settled.abort();
    const timer = setTimeout(done, timeoutMs);
    const waiters = this.waiting.get(name) ?? new Set();
    this.waiting.set(name, waiters);
    const check = (): void => {
      if (this.passed(name, position)) done();
    };
    waiters.add(check);
    try {
      await Promise.race([this.poll(target, name, settled.signal), aborted(settled.signal)]);
    } finally {
      done();
      clearTimeout(timer);
      waiters.delete(check);
      if (waiters.size === 0) this.waiting.delete(name);
    }
    if (this.passed(name, position)) return { reached: true, lagEvents: 0 };
    return { reached: false, lagEvents: difference(position, this.known.get(name) ?? '') };
  }

  private async poll(target: WaitTarget, name: string, signal: AbortSignal): Promise<void> {
    for (let wait = 25; !signal.aborted; wait = Math.min(100, wait * 1.5)) {
      const position = await this.read(target).catch(() => undefined);
      if (position !== undefined) this.note(name, position);
      await pause(wait, signal);
    }
  }

  private async read({ table, version }: WaitTarget): Promise<string | undefined> {
    const rows = await this.options.database.query<{ position: string }>(
      `select position from projections.generations where table_name = $1 and version = $2 and state = 'active'`,
      [table, version],
    );
    return rows[0]?.position;
  }

  private note(name: string, position: string): void {
    if (position > (this.known.get(name) ?? '')) this.known.set(name, position);
    for (const check of this.waiting.get(name) ?? []) check();
  }

  private passed(name: string, position: string): boolean {
    return (this.known.get(name) ?? '') >= position;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Events between two positions of a gapless log; null where positions are no count. */
export function difference(to: string, from: string): number | null {
  if (!/^\d*$/.test(to) || !/^\d*$/.test(from)) return null;
  return Number(to) - Number(from);
}
