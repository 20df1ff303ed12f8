import type { SharedState } from '#infra/shared-state/shared-state.js';
import type { StreamKey } from '#infra/recorded-streams/stream-writer.js';

const MARK_MS = 2_000;
const MARK_TTL_MS = 6_000;
/** Who asked may take a moment to be there. */
const ARRIVAL_MS = 5_000;
const LAST_MARK_MS = MARK_MS + 500;

const markOf = (key: StreamKey): string => `run-watch:${key.tenantId}:${key.streamId}`;

/** Knows whether anyone watches a run, in this process or another. */
export class RunPresence {
  private readonly watchers = new Map<string, number>();
  /** Runs of this process, and whether anybody has watched them here yet: who comes and goes between two looks has come. */
  private readonly runs = new Map<string, { came: boolean }>();

  constructor(private readonly shared: SharedState) {}

  /** Says that a client watches; call the result when it has left. */
  join(key: StreamKey): () => void {
    const name = markOf(key);
    const mark = (ttlMs = MARK_TTL_MS): void => {
      this.shared.set(name, '1', ttlMs).catch(() => undefined);
    };
    this.watchers.set(name, (this.watchers.get(name) ?? 0) + 1);
    const run = this.runs.get(name);
    if (run !== undefined) run.came = true;
    mark();
    const timer = setInterval(() => mark(), MARK_MS);
    return () => {
      clearInterval(timer);
      const left = (this.watchers.get(name) ?? 1) - 1;
      if (left > 0) this.watchers.set(name, left);
      else this.watchers.delete(name);
      // Watchers of other processes have marked again before this runs out.
      if (left <= 0) mark(LAST_MARK_MS);
    };
  }

  /** Calls `onAbandoned` once nobody has watched for `graceMs`; the result stops looking. */
  watchOver(key: StreamKey, graceMs: number, onAbandoned: () => void): () => void {
    const name = markOf(key);
    let seenAt = Date.now();
    const run = { came: this.watchers.has(name) };
    this.runs.set(name, run);
    let asking = false;
    const look = async (): Promise<void> => {
      if (asking) return;
      asking = true;
      // When the shared state does not answer, the client gets the benefit of the doubt.
      const elsewhere = await this.shared.get(name).catch(() => '1');
      asking = false;
      const here = this.watchers.has(name);
      if (here || (elsewhere !== undefined && graceMs > 0)) seenAt = Date.now();
      else if (Date.now() - seenAt > (run.came ? graceMs : Math.max(graceMs, ARRIVAL_MS))) onAbandoned();
    };
    const timer = setInterval(() => void look(), Math.min(1_000, Math.max(50, graceMs / 4)));
    return () => {
      clearInterval(timer);
      this.runs.delete(name);
    };
  }
}
