/** The end of one attempt: by its own bounds, by its caller, or by `end`. Its signal aborts in each case, so that sockets close. */
export class Deadline {
  private readonly own = new AbortController();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly leave = (): void => this.own.abort(this.caller?.reason);

  constructor(
    private readonly caller: AbortSignal | undefined,
    onAbort: () => void = () => undefined,
  ) {
    this.own.signal.addEventListener('abort', onAbort, { once: true });
    if (caller?.aborted === true) this.leave();
    else caller?.addEventListener('abort', this.leave, { once: true });
  }

  get signal(): AbortSignal {
    return this.own.signal;
  }

  /** Aborts with `late` after `ms`, whatever happens until then. */
  limit(ms: number, late: Error): NodeJS.Timeout {
    const timer = setTimeout(() => this.own.abort(late), Math.max(0, ms));
    this.timers.add(timer);
    return timer;
  }

  /** What `work` gives, or the reason of the abort; also when it ignores the signal. */
  async within<T>(ms: number, late: Error, work: () => Promise<T>): Promise<T> {
    const { signal } = this.own;
    signal.throwIfAborted();
    const timer = this.limit(ms, late);
    const stopped = Promise.withResolvers<never>();
    const stop = (): void => stopped.reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await Promise.race([work(), stopped.promise]);
    } catch (error) {
      // What a library makes of an abort says less than its reason.
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener('abort', stop);
      clearTimeout(timer);
      this.timers.delete(timer);
    }
  }

  /** The attempt is done: nothing is left of its bounds, and nothing is aborted. */
  done(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.caller?.removeEventListener('abort', this.leave);
  }

  /** Ends the attempt: whoever still works for it is told to stop. */
  end(): void {
    this.done();
    if (!this.own.signal.aborted) this.own.abort(new DOMException('The attempt has ended', 'AbortError'));
  }
}
