/** Milliseconds after which a user of a connection counts no more among those of the moment. */
const LATE_MS = 20;

/** Gives a place back; again without effect. */
export type Leave = () => void;

/**
 * Keeps short work on few connections: while `most` are in use, what comes waits, first come, first served, instead of waking a
 * backend whose caches are cold. Who stays for longer than 20 ms leaves its place to the next, so that it holds nobody up.
 */
export class ConnectionGate {
  private readonly waiting: (() => void)[] = [];
  private inside = 0;

  constructor(private readonly most: number) {}

  /** Resolves when there is a place. */
  async enter(): Promise<Leave> {
    if (this.inside < this.most) this.inside += 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    let counted = true;
    const leave = (): void => {
      if (!counted) return;
      counted = false;
      clearTimeout(late);
      // The place goes from hand to hand.
      const next = this.waiting.shift();
      if (next === undefined) this.inside -= 1;
      else next();
    };
    const late = setTimeout(leave, LATE_MS);
    return leave;
  }
}
