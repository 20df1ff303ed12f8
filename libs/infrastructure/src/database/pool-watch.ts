const KEPT = 512;
const WINDOW_MS = 5 * 60_000;

/** How long callers waited for a connection lately, and how often one was refused or broke in the last five minutes. */
export class PoolWatch {
  private readonly waits: number[] = [];
  private failures: number[] = [];
  private next = 0;

  /** A connection was given after `ms` milliseconds. */
  acquired(ms: number): void {
    this.waits[this.next] = ms;
    this.next = (this.next + 1) % KEPT;
  }

  failed(now = Date.now()): void {
    this.failures = [...this.failures.slice(1 - KEPT), now];
  }

  /** The 95th percentile of the last 512 waits in ms; null before the first. */
  figures(now = Date.now()): { readonly acquireP95Ms: number | null; readonly errors5m: number } {
    const sorted = this.waits.toSorted((a, b) => a - b);
    const at = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.95))];
    return {
      acquireP95Ms: at === undefined ? null : Math.round(at * 100) / 100,
      errors5m: this.failures.filter((failure) => failure > now - WINDOW_MS).length,
    };
  }
}
