/** Signs of life of a run while it has nothing else to say. */
export class Pulse {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly beat: () => void,
    private readonly everyMs: number,
  ) {}

  start(): void {
    this.timer ??= setInterval(this.beat, this.everyMs);
  }

  /** Something was said: the next sign of life is due a whole pause later. */
  refresh(): void {
    this.timer?.refresh();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
