import { type EventEmitter, on } from 'node:events';
import type { RecordedFrame } from './stream-writer.js';

/** Frames that this process has just recorded. */
export interface News {
  readonly frames: readonly RecordedFrame[];
  readonly ended: boolean;
}

function newsOf(result: IteratorResult<unknown>): { readonly news: News | undefined } {
  return { news: result.done === true ? undefined : (result.value as readonly [News?])[0] };
}

/** Wakes a follower when frames were recorded, in this process or another; `next` also returns after `ms`. */
export class Wake {
  private readonly abort = new AbortController();
  private readonly wakes: AsyncIterator<unknown>;
  private pending: Promise<{ readonly news: News | undefined }> | undefined;

  constructor(emitter: EventEmitter, name: string, signal: AbortSignal) {
    this.wakes = on(emitter, name, { signal: AbortSignal.any([signal, this.abort.signal]) });
  }

  /** The next news; undefined when another process has some, or after `ms`. */
  async next(ms: number): Promise<News | undefined> {
    const pending = (this.pending ??= this.wakes.next().then(newsOf, () => ({ news: undefined })));
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), ms);
    });
    const first = await Promise.race([pending, timeout]);
    clearTimeout(timer);
    // Only what is handed out is taken; news that come after the time is up wait for the next call.
    if (first !== undefined) this.pending = undefined;
    return first?.news;
  }

  close(): void {
    this.abort.abort();
  }
}
