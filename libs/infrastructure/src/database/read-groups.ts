import type { Row } from './planned-statement.js';
import type { Statement } from './prepared.js';

/** Groups that are out at one time; what is asked for meanwhile waits for the next. */
const MOST_GROUPS = 3;
/** Milliseconds after which a group counts no more among those that are out. */
const LATE_MS = 20;
/** Reads of one group. */
const LARGEST = 32;

interface Waiting extends Statement {
  readonly resolve: (rows: Row[]) => void;
  readonly reject: (reason: unknown) => void;
}

type Send = (reads: readonly Statement[]) => Promise<readonly PromiseSettledResult<Row[]>[]>;

/** Short reads that are asked for in one turn of the loop, or while others are out, go out together: one message for all. */
export class ReadGroups {
  private waiting: Waiting[] = [];
  private out = 0;
  private due = false;

  /** `send` gives what became of each read of a group, in order. */
  constructor(private readonly send: Send) {}

  run(text: string, values: unknown[]): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ text, values, resolve, reject });
      if (this.due || this.out >= MOST_GROUPS) return;
      this.due = true;
      setImmediate(() => {
        this.due = false;
        this.next();
      });
    });
  }

  private next(): void {
    if (this.waiting.length === 0 || this.out >= MOST_GROUPS) return;
    const group = this.waiting.splice(0, LARGEST);
    this.out += 1;
    let counted = true;
    const leave = (): void => {
      if (!counted) return;
      counted = false;
      this.out -= 1;
      this.next();
    };
    // One that is held up holds up nothing but itself.
    const late = setTimeout(leave, LATE_MS);
    void this.deliver(group).finally(() => {
      clearTimeout(late);
      leave();
    });
    this.next();
  }

  private async deliver(group: readonly Waiting[]): Promise<void> {
    try {
      const settled = await this.send(group);
      for (const [at, { resolve, reject }] of group.entries()) {
        const outcome = settled[at];
        if (outcome?.status === 'fulfilled') resolve(outcome.value);
        else reject(outcome?.reason);
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}
