/** Lets a loop sleep until it is woken. */
export class Wakeup {
  private waiting: (() => void) | undefined;

  wake(): void {
    this.waiting?.();
  }

  /** Resolves at the next `wake`, or after `ms`. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake(), ms);
      this.waiting = () => {
        clearTimeout(timer);
        this.waiting = undefined;
        resolve();
      };
    });
  }
}
