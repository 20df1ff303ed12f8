export interface SlotsOptions {
  /** Holders at one time, of all tenants together. */
  readonly capacity: number;
  /** Callers of one tenant that may wait. */
  readonly queue: number;
  /** The longest wait in ms. */
  readonly waitMs: number;
}

/** A place that is held; giving it back twice gives it back once. */
export interface Slot {
  release(): void;
}

/** Every place that a tenant may take is taken, and the wait for one is over. */
export class SlotsTaken extends Error {
  constructor() {
    super('all places are taken');
    this.name = 'SlotsTaken';
  }
}

interface Waiter {
  readonly enter: () => void;
}

interface Line {
  running: number;
  readonly waiting: Waiter[];
  /** When it was last given a place: who waited longest comes first among equals. */
  servedAt: number;
}

/** A tenant may take a place while it holds less than so many times the free ones: alone it gets four fifths of all. */
const GREED = 4;

/**
 * Places that tenants share fairly: a free one goes to whoever holds the fewest, and some stay free for a tenant that comes
 * later, so that nobody can take them all.
 */
export class FairSlots {
  private readonly lines = new Map<string, Line>();
  private held = 0;
  private turn = 0;

  constructor(private readonly options: SlotsOptions) {}

  /** Places that are taken now. */
  get taken(): number {
    return this.held;
  }

  /** Callers that wait now. */
  get waiting(): number {
    return [...this.lines.values()].reduce((sum, line) => sum + line.waiting.length, 0);
  }

  /** Rejects with SlotsTaken after the wait, or with the signal's reason. */
  async acquire(
    tenantId: string,
    bounds: { readonly signal?: AbortSignal | undefined; readonly waitMs?: number } = {},
  ): Promise<Slot> {
    bounds.signal?.throwIfAborted();
    const line = this.line(tenantId);
    if (line.waiting.length === 0 && this.mayTake(line)) return this.take(tenantId, line);
    try {
      if (line.waiting.length >= this.options.queue) throw new SlotsTaken();
      await this.wait(line, bounds.waitMs ?? this.options.waitMs, bounds.signal);
    } catch (error) {
      this.forget(tenantId, line);
      throw error;
    }
    return this.slotOf(tenantId, line);
  }

  private wait(line: Line, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', left);
      };
      const leave = (reason: Error): void => {
        stop();
        line.waiting.splice(line.waiting.indexOf(waiter), 1);
        reject(reason);
      };
      const left = (): void => leave(signal?.reason as Error);
      const waiter: Waiter = { enter: () => (stop(), resolve()) };
      const timer = setTimeout(() => leave(new SlotsTaken()), waitMs);
      signal?.addEventListener('abort', left, { once: true });
      line.waiting.push(waiter);
    });
  }

  private mayTake(line: Line): boolean {
    return line.running < GREED * (this.options.capacity - this.held);
  }

  private take(tenantId: string, line: Line): Slot {
    this.count(line);
    return this.slotOf(tenantId, line);
  }

  private count(line: Line): void {
    this.held += 1;
    this.turn += 1;
    line.running += 1;
    line.servedAt = this.turn;
  }

  private slotOf(tenantId: string, line: Line): Slot {
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.held -= 1;
        line.running -= 1;
        this.serve();
        this.forget(tenantId, line);
      },
    };
  }

  /** Gives what is free to those who wait; the place is taken for them before they know. */
  private serve(): void {
    for (let line = this.next(); line !== undefined; line = this.next()) {
      const waiter = line.waiting.shift();
      this.count(line);
      waiter?.enter();
    }
  }

  private next(): Line | undefined {
    let best: Line | undefined;
    for (const line of this.lines.values()) {
      if (line.waiting.length === 0 || !this.mayTake(line)) continue;
      if (best === undefined || line.running < best.running) best = line;
      else if (line.running === best.running && line.servedAt < best.servedAt) best = line;
    }
    return best;
  }

  private line(tenantId: string): Line {
    const known = this.lines.get(tenantId);
    if (known !== undefined) return known;
    const line: Line = { running: 0, waiting: [], servedAt: 0 };
    this.lines.set(tenantId, line);
    return line;
  }

  private forget(tenantId: string, line: Line): void {
    if (line.running === 0 && line.waiting.length === 0) this.lines.delete(tenantId);
  }
}
