/** The channel on which a process that waits for a position of a table says so, by the table's name, to whoever feeds it. */
export const HURRY_CHANNEL = 'projection_hurry';

/** Lets readers of the log rest while nobody waits for what they make, so that events that follow each other go together. */
export class Hurry {
  private readonly resting = new Set<() => void>();
  private waiting = 0;

  /** Somebody waits, until the returned function is called. */
  begin(): () => void {
    this.waiting += 1;
    for (const wake of this.resting) wake();
    return () => {
      this.waiting -= 1;
    };
  }

  /** Somebody elsewhere waits, who will say so again: whoever rests goes on. */
  nudge(): void {
    this.begin()();
  }

  /** Returns after `ms`, or as soon as somebody waits. */
  async rest(ms: number, signal: AbortSignal): Promise<void> {
    if (this.waiting > 0 || signal.aborted) return;
    const { promise: rested, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    const timer = setTimeout(wake, ms);
    signal.addEventListener('abort', wake, { once: true });
    this.resting.add(wake);
    await rested;
    this.resting.delete(wake);
    signal.removeEventListener('abort', wake);
    clearTimeout(timer);
  }
}
