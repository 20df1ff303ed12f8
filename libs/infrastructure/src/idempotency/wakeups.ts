import type { Database } from '#infra/database/database.js';

/** Wakes those who wait for a name, in every process. A lost message costs a wait no more than its bound. */
export class Wakeups {
  private readonly waiting = new Map<string, Set<() => void>>();
  private listening: Promise<() => Promise<void>> | undefined;

  constructor(
    private readonly database: Database,
    private readonly channel: string,
  ) {}

  /** Returns when the name is woken, or after `longestMs`. */
  async wait(name: string, longestMs: number): Promise<void> {
    this.listen();
    await new Promise<void>((resolve) => {
      const waiters = this.waiting.get(name) ?? new Set();
      this.waiting.set(name, waiters);
      const done = (): void => {
        clearTimeout(timer);
        waiters.delete(done);
        if (waiters.size === 0) this.waiting.delete(name);
        resolve();
      };
      const timer = setTimeout(done, Math.max(1, longestMs));
      waiters.add(done);
    });
  }

  /** Wakes here at once, and elsewhere as soon as the message arrives. */
  async wake(name: string): Promise<void> {
    this.wakeHere(name);
    await this.database.notify(this.channel, name).catch(() => undefined);
  }

  async close(): Promise<void> {
    for (const name of [...this.waiting.keys()]) this.wakeHere(name);
    const unlisten = await this.listening?.catch(() => undefined);
    await unlisten?.();
  }

  private listen(): void {
    if (this.listening !== undefined) return;
    this.listening = this.database.listen(this.channel, (name) => this.wakeHere(name));
    this.listening.catch(() => {
      this.listening = undefined;
    });
  }

  private wakeHere(name: string): void {
    const names = name === '' ? [...this.waiting.keys()] : [name];
    for (const each of names) for (const done of [...(this.waiting.get(each) ?? [])]) done();
  }
}
