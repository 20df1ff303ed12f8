import { createHash } from 'node:crypto';
import type { Database } from '../database/database.js';

/** One stream of frames, e.g. of a run. `streamId` is a uuid. */
export interface StreamKey {
  readonly tenantId: string;
  readonly streamId: string;
}

/** A frame as it was sent: `seq` counts from 1 without holes, `text` is its exact bytes as UTF-8. */
export interface RecordedFrame {
  readonly seq: number;
  readonly text: string;
}

export interface StreamDigest {
  readonly count: number;
  /** Hex SHA-256 over the frames' bytes in order. */
  readonly sha256: string;
}

/** Stores frames and, with `ended`, the end of their stream; rejects with StreamLost when another process owns it. */
export type StoreFrames = (frames: readonly RecordedFrame[], ended: boolean) => Promise<void>;

/** Another process took the stream over, or ended it. */
export class StreamLost extends Error {
  constructor(streamId: string) {
    super(`the stream ${streamId} has another owner now`);
    this.name = 'StreamLost';
  }
}

/** The owner's side: frames go to the store first, then to whoever follows. */
export class StreamWriter {
  private readonly hash = createHash('sha256');
  private seq = 0;
  private stored = 0;
  private waiting: RecordedFrame[] = [];
  private flushing: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly key: StreamKey,
    private readonly owner: string,
    private readonly store: StoreFrames,
    earlier: readonly RecordedFrame[] = [],
  ) {
    for (const frame of earlier) this.take(frame);
    this.stored = this.seq;
  }

  async write(make: (seq: number) => string): Promise<void> {
    const frame = { seq: this.seq + 1, text: make(this.seq + 1) };
    this.take(frame);
    this.waiting.push(frame);
    while (this.stored < frame.seq) await this.flush();
  }

  /** Of all frames so far, and of those that will be written next. */
  digest(next: readonly ((seq: number) => string)[] = []): StreamDigest {
    const hash = this.hash.copy();
    next.forEach((make, at) => hash.update(make(this.seq + 1 + at)));
    return { count: this.seq + next.length, sha256: hash.digest('hex') };
  }

  /** Says that the owner lives; false when it is not the owner any more, or the stream has ended. */
  async beat(): Promise<boolean> {
    const mine = await this.database.execute(
      `update streams.stream set beat_at = now() where tenant_id = $1 and stream_id = $2 and owner = $3 and not ended`,
      [this.key.tenantId, this.key.streamId, this.owner],
    );
    return mine === 1;
  }

  /** Resolves when every frame so far is stored; after a rejection it may be called again. */
  async settled(): Promise<void> {
    while (this.stored < this.seq) await this.flush();
  }

  /** Ends the stream; its last frames are stored together with its end. After a rejection, call it again without them. */
  async end(last: readonly ((seq: number) => string)[] = []): Promise<void> {
    for (const make of last) {
      const frame = { seq: this.seq + 1, text: make(this.seq + 1) };
      this.take(frame);
      this.waiting.push(frame);
    }
    // Whoever joined a flush that does not end the stream would believe that it had.
    while (this.flushing !== undefined) await this.flushing.catch(() => undefined);
    await this.flush(true);
  }

  private take(frame: RecordedFrame): void {
    this.seq = frame.seq;
    this.hash.update(frame.text);
  }

  private flush(ended = false): Promise<void> {
    this.flushing ??= this.storeWaiting(ended).finally(() => {
      this.flushing = undefined;
    });
    return this.flushing;
  }

  private async storeWaiting(ended = false): Promise<void> {
    const frames = this.waiting;
    this.waiting = [];
    if (frames.length === 0 && !ended) return;
    try {
      await this.store(frames, ended);
    } catch (error) {
      // They keep their place: a later write stores them too, so that no number is ever missing.
      this.waiting = [...frames, ...this.waiting];
      throw error;
    }
    this.stored = frames.at(-1)?.seq ?? this.stored;
  }
}
