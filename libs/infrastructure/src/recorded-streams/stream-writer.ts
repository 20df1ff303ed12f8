import { createHash, type Hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { Companion } from '../event-log/companions.js';

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

/** Where the frames of one stream go. With `ended` its end goes with them. */
export interface StreamHome {
  /** Stores them and tells those who follow; rejects with StreamLost when another process owns the stream. */
  store(frames: readonly RecordedFrame[], ended: boolean): Promise<void>;
  /** Them, to be stored with an append. */
  companion(frames: readonly RecordedFrame[], ended: boolean): Promise<Companion>;
  /** Tells those who follow of what was stored so. */
  tell(frames: readonly RecordedFrame[], ended: boolean): void;
  /** Says that the owner lives; false when it is not the owner any more, or the stream has ended. */
  beat(): Promise<boolean>;
}

/** Frames that are stored with an append. */
export interface StreamRecording {
  readonly companion: Companion;
  /** Tells those who follow; to be called once the companion is stored. */
  readonly told: () => void;
}

/** Another process took the stream over, or ended it. */
export class StreamLost extends Error {
  constructor(streamId: string) {
    super(`the stream ${streamId} has another owner now`);
    this.name = 'StreamLost';
  }
}

/** Frames that were stored cannot be read any more: their key was destroyed, or they are being removed. */
export class FramesGone extends Error {
  constructor(streamId: string) {
    super(`the stream ${streamId} can not be played any more`);
    this.name = 'FramesGone';
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
    private readonly home: StreamHome,
    earlier: readonly RecordedFrame[] = [],
  ) {
    this.note(earlier);
  }

  /** Says that the owner lives; false when it is not the owner any more, or the stream has ended. */
  beat(): Promise<boolean> {
    return this.home.beat();
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
    const texts = this.numbered(next).map(({ text }) => text);
    const hash = this.hashed().copy().update(texts.join(''));
    return { count: this.seq + next.length, sha256: hash.digest('hex') };
  }

  /**
   * The next frames, to be stored with an append, and with `ended` the end. Every frame so far must be stored, and nobody may write
   * until `told` was called, or the companion was given up.
   */
  async recording(next: readonly MakeFrame[], ended: boolean): Promise<StreamRecording> {
    const frames = this.numbered(next);
    const companion = await this.home.companion(frames, ended);
    const told = (): void => {
      this.note(frames);
      this.home.tell(frames, ended);
    };
    return { companion, told };
  }

  /** Resolves when every frame so far is stored; after a rejection it may be called again. */
  async settled(): Promise<void> {
    while (this.stored < this.seq) await this.flush();
  }

  /** Ends the stream; its last frames are stored together with its end. After a rejection, call it again without them. */
  async end(last: readonly MakeFrame[] = []): Promise<void> {
    for (const frame of this.numbered(last)) {
      this.take(frame);
      this.waiting.push(frame);
    }
    // Whoever joined a flush that does not end the stream would believe that it had.
    while (this.flushing !== undefined) await this.flushing.catch(() => undefined);
    await this.flush(true);
  }

  /** Frames as they are when they come next. */
  private numbered(next: readonly MakeFrame[]): readonly RecordedFrame[] {
    return next.map((make, at) => ({ seq: this.seq + 1 + at, text: make(this.seq + 1 + at) }));
  }

  /** Takes what is stored already. */
  private note(frames: readonly RecordedFrame[]): void {
    for (const frame of frames) this.take(frame);
    this.stored = this.seq;
    this.keep(frames);
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
      await this.home.store(frames, ended);
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
