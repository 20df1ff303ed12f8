import type { EventEmitter } from 'node:events';
import type { RecordedFrame } from './stream-writer.js';

/** Frames that this process has just recorded. */
export interface News {
  readonly frames: readonly RecordedFrame[];
  readonly ended: boolean;
}

/** Wakes a follower when frames were recorded, in this process or another; `next` also returns after `ms`. */
export class Wake {
  /** What came while nobody waited; undefined stands for what another process has. */
  private readonly kept: (News | undefined)[] = [];
  private hand: ((news: News | undefined) => void) | undefined;
  private closed = false;

  constructor(
    private readonly emitter: EventEmitter,
    private readonly name: string,
    private readonly signal: AbortSignal,
  ) {
    emitter.on(name, this.take);
    signal.addEventListener('abort', this.close, { once: true });
    if (signal.aborted) this.close();
  }

  /** The next news; undefined when another process has some, after `ms`, or once it is closed. */
  next(ms: number): Promise<News | undefined> {
    if (this.kept.length > 0) return Promise.resolve(this.kept.shift());
    if (this.closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.hand?.(undefined), ms);
      this.hand = (news) => {
        this.hand = undefined;
        clearTimeout(timer);
        resolve(news);
      };
    });
  }

  readonly close = (): void => {
    this.closed = true;
    this.emitter.off(this.name, this.take);
    this.signal.removeEventListener('abort', this.close);
    this.hand?.(undefined);
  };

  private readonly take = (news?: News): void => {
    if (this.hand === undefined) this.kept.push(news);
    else this.hand(news);
  };
}
