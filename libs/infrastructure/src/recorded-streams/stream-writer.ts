import { createHash, type Hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';

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

/** The text of a frame, once its number is known. */
export type MakeFrame = (seq: number) => string;

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

const KEPT_CHARACTERS = 256 * 1024;
/** Frames are small: hashed one by one, most of the time would go into the calls. */
const UNHASHED_CHARACTERS = 64 * 1024;

/** The owner's side: frames go to the store first, then to whoever follows. */
export class StreamWriter {
  /** What is stored, while it is little enough to be kept. */
  private kept: RecordedFrame[] | undefined = [];
  private keptLength = 0;
  private readonly hash = createHash('sha256');
  private unhashed = '';
  private seq = 0;
  private stored = 0;
  private waiting: RecordedFrame[] = [];
  private flushing: Promise<void> | undefined;

  constructor(
    private readonly store: StoreFrames,
    /** Says that the owner lives; false when it is not the owner any more, or the stream has ended. */
    readonly beat: () => Promise<boolean>,
    earlier: readonly RecordedFrame[] = [],
  ) {
    for (const frame of earlier) this.take(frame);
    this.stored = this.seq;
    this.keep(earlier);
  }

  /** The stored frames after `seq`; undefined when only the store has them. */
  after(seq: number): readonly RecordedFrame[] | undefined {
    return this.kept?.slice(seq);
  }

  async write(make: MakeFrame): Promise<void> {
    const frame = { seq: this.seq + 1, text: make(this.seq + 1) };
    this.take(frame);
    this.waiting.push(frame);
    while (this.stored < frame.seq) await this.flush();
  }

  /** Of all frames so far, and of those that will be written next. */
  digest(next: readonly MakeFrame[] = []): StreamDigest {
    const texts = next.map((make, at) => make(this.seq + 1 + at));
    const hash = this.hashed().copy().update(texts.join(''));
    return { count: this.seq + next.length, sha256: hash.digest('hex') };
  }

  /** Resolves when every frame so far is stored; after a rejection it may be called again. */
  async settled(): Promise<void> {
    while (this.stored < this.seq) await this.flush();
  }

  /** Ends the stream; its last frames are stored together with its end. After a rejection, call it again without them. */
  async end(last: readonly MakeFrame[] = []): Promise<void> {
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
    this.unhashed += frame.text;
    if (this.unhashed.length > UNHASHED_CHARACTERS) this.hashed();
  }

  private hashed(): Hash {
    this.hash.update(this.unhashed);
    this.unhashed = '';
    return this.hash;
  }

  private flush(ended = false): Promise<void> {
    this.flushing ??= this.storeWaiting(ended).finally(() => {
      this.flushing = undefined;
    });
    return this.flushing;
  }

  private async storeWaiting(ended: boolean): Promise<void> {
    // One turn of the loop, so that what is told at one time is stored together.
    if (!ended) await turn();
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
    this.keep(frames);
  }

  private keep(frames: readonly RecordedFrame[]): void {
    this.keptLength += frames.reduce((sum, { text }) => sum + text.length, 0);
    if (this.keptLength > KEPT_CHARACTERS) this.kept = undefined;
    this.kept?.push(...frames);
  }
}
