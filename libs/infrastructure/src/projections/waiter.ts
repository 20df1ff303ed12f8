import type { Database } from '#infra/database/database.js';
import { pause } from './backoff.js';
import { PROGRESS_CHANNEL } from './generations.js';
import { HURRY_CHANNEL } from './hurry.js';
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
  /** Read models that are being asked for; however many wait for one, it is asked once. */
  private readonly polled = new Set<string>();
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
    const { promise: settled, resolve: done } = Promise.withResolvers<void>();
    const timer = setTimeout(done, timeoutMs);
    const waiters = this.waiting.get(name) ?? new Set();
    this.waiting.set(name, waiters);
    const check = (): void => {
      if (this.passed(name, position)) done();
    };
    waiters.add(check);
    const calm = this.options.progress?.hurryOf(target.table).begin();
    void this.poll(target, name);
    try {
      await settled;
    } finally {
      clearTimeout(timer);
      calm?.();
      waiters.delete(check);
      if (waiters.size === 0) this.waiting.delete(name);
    }
    if (this.passed(name, position)) return { reached: true, lagEvents: 0 };
    return { reached: false, lagEvents: difference(position, this.known.get(name) ?? '') };
  }

  /** Asks as long as anybody waits. The first time at once, for no message may have come yet; then messages come first. */
  private async poll(target: WaitTarget, name: string): Promise<void> {
    if (this.polled.has(name)) return;
    this.polled.add(name);
    for (let wait = this.known.has(name) ? 25 : 0; this.waiting.has(name); wait = Math.min(100, 25 + wait * 1.5)) {
      if (wait > 0) await pause(wait, never);
      if (!this.waiting.has(name)) break;
      const position = await this.read(target).catch(() => undefined);
      // Whoever feeds it in another process rests while nobody waits there.
      if (wait > 0) await this.options.database.notify(HURRY_CHANNEL, target.table).catch(() => undefined);
      if (position !== undefined) this.note(name, position);
    }
    this.polled.delete(name);
  }

  private async read({ table, version }: WaitTarget): Promise<string | undefined> {
    const rows = await this.options.database.queryPrepared<{ position: string }>(
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

const never = new AbortController().signal;

/** Events between two positions of a gapless log; null where positions are no count. */
export function difference(to: string, from: string): number | null {
  if (!/^\d*$/.test(to) || !/^\d*$/.test(from)) return null;
  return Number(to) - Number(from);
}
