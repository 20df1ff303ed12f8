import { createHash } from 'node:crypto';
import { EventEmitter, on } from 'node:events';
import type { ContentStore } from '../content/content-store.js';
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

export interface StreamInfo {
  readonly lastSeq: number;
  readonly ended: boolean;
  readonly owner: string;
  /** Milliseconds since the owner was last heard of. */
  readonly silentMs: number;
  readonly subjectId: string;
}

export interface StreamDigest {
  readonly count: number;
  /** Hex SHA-256 over the frames' bytes in order. */
  readonly sha256: string;
}

const CHANNEL = 'recorded_streams';
const POLL_MS = 1_000;
const KIND = 'stream-frames';

interface Row {
  readonly last_seq: number;
  readonly ended: boolean;
  readonly owner: string;
  readonly silent_ms: number;
  readonly subject_id: string;
}

/** The owner's side: frames go to the store first, then to whoever follows. */
export interface StreamWriter {
  /** Numbers and queues a frame; resolves once it is durable. Frames that wait together are stored together. */
  write(make: (seq: number) => string): Promise<void>;
  /** Says that the owner lives. False when another process has ended the stream. */
  beat(): Promise<boolean>;
  /** The digest over all frames that were written so far. */
  digest(): StreamDigest;
  /** Marks the stream as complete; followers end after its last frame. */
  end(): Promise<void>;
}

/** Records streams of frames, encrypted under their subject's key, and plays them back from any process. */
export class RecordedStreams {
  private readonly local = new EventEmitter().setMaxListeners(0);
  private unlisten: (() => Promise<void>) | undefined;

  constructor(
    private readonly database: Database,
    private readonly content: ContentStore,
    /** Names this process in `owner`. */
    private readonly processId: string,
  ) {}

  /** Starts to hear of frames that other processes record. */
  async start(): Promise<void> {
    this.unlisten = await this.database.listen(CHANNEL, (payload) => this.heard(payload));
  }

  async stop(): Promise<void> {
    await this.unlisten?.();
  }

  /** Creates a stream; undefined when its id is taken. */
  async open(
    key: StreamKey,
    subject: { readonly kind: string; readonly id: string },
  ): Promise<StreamWriter | undefined> {
    const made = await this.database.execute(
      `insert into streams.stream (tenant_id, stream_id, subject_kind, subject_id, owner)
       values ($1, $2, $3, $4, $5) on conflict do nothing`,
      [key.tenantId, key.streamId, subject.kind, subject.id, this.processId],
    );
    return made === 0
      ? undefined
      : new Writer(this.database, key, (frames, ended) => this.store(key, subject, frames, ended));
  }

  /** Takes over a stream whose owner was silent for `silentMs`; undefined while it lives, when it ended, or is unknown. */
  async takeOver(key: StreamKey, silentMs: number): Promise<StreamWriter | undefined> {
    const rows = await this.database.query<{ last_seq: number; subject_kind: string; subject_id: string }>(
      `update streams.stream set owner = $3, beat_at = now()
        where tenant_id = $1 and stream_id = $2 and not ended and beat_at < now() - make_interval(secs => $4)
        returning last_seq, subject_kind, subject_id`,
      [key.tenantId, key.streamId, this.processId, silentMs / 1_000],
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    const subject = { kind: row.subject_kind, id: row.subject_id };
    const earlier = await this.read(key, 0);
    return new Writer(this.database, key, (frames, ended) => this.store(key, subject, frames, ended), earlier);
  }

  async info(key: StreamKey): Promise<StreamInfo | undefined> {
    const [row] = await this.database.query<Row>(
      `select last_seq, ended, owner, subject_id,
              greatest(0, extract(epoch from now() - beat_at) * 1000)::float8 as silent_ms
         from streams.stream where tenant_id = $1 and stream_id = $2`,
      [key.tenantId, key.streamId],
    );
    if (row === undefined) return undefined;
    const { last_seq: lastSeq, ended, owner, silent_ms: silentMs, subject_id: subjectId } = row;
    return { lastSeq, ended, owner, silentMs, subjectId };
  }

  /** Streams of any tenant that did not end and whose owner was silent for `silentMs`, oldest first. */
  async abandoned(silentMs: number, limit: number): Promise<readonly StreamKey[]> {
    return this.database.query<StreamKey>(
      `select tenant_id as "tenantId", stream_id as "streamId" from streams.stream
        where not ended and beat_at < now() - make_interval(secs => $1) order by beat_at limit $2`,
      [silentMs / 1_000, limit],
    );
  }

  /** The stored frames after `afterSeq`, in order. */
  async read(key: StreamKey, afterSeq: number): Promise<readonly RecordedFrame[]> {
    const batches = await this.database.query<{ first_seq: number; content_id: string }>(
      `select first_seq, content_id from streams.batch
        where tenant_id = $1 and stream_id = $2 and last_seq > $3 order by first_seq`,
      [key.tenantId, key.streamId, afterSeq],
    );
    const frames: RecordedFrame[] = [];
    for (const batch of batches) {
      const bytes = await this.content.get(key.tenantId, batch.content_id);
      if (bytes === undefined) break;
      const texts = JSON.parse(new TextDecoder().decode(bytes)) as readonly string[];
      texts.forEach((text, index) => frames.push({ seq: batch.first_seq + index, text }));
    }
    return frames.filter((frame) => frame.seq > afterSeq);
  }

  /** Plays the frames after `afterSeq`, then follows the owner until the stream ends or the signal aborts. */
  async *follow(key: StreamKey, afterSeq: number, signal: AbortSignal): AsyncIterable<RecordedFrame> {
    const wake = new Wake(this.local, key.streamId, signal);
    let seq = afterSeq;
    let news: News | undefined;
    try {
      while (!signal.aborted) {
        const fresh = news?.frames.filter((frame) => frame.seq > seq);
        // What this process recorded itself comes by hand; anything else, and any hole, is read from the store.
        const byHand = fresh !== undefined && (fresh.length === 0 || fresh[0]?.seq === seq + 1);
        const info = byHand ? undefined : await this.info(key);
        for (const frame of byHand ? fresh : await this.read(key, seq)) {
          yield frame;
          seq = frame.seq;
        }
        if (byHand ? news?.ended === true : info === undefined || (info.ended && seq >= info.lastSeq)) return;
        news = await wake.next(POLL_MS);
      }
    } finally {
      wake.close();
    }
  }

  /** Removes streams that ended before `before`, with their frames; how many. */
  async prune(before: Date, limit = 1_000): Promise<number> {
    const rows = await this.database.query<StreamKey & { contents: string[] }>(
      `select s.tenant_id as "tenantId", s.stream_id as "streamId",
              array(select b.content_id::text from streams.batch b
                     where b.tenant_id = s.tenant_id and b.stream_id = s.stream_id) as contents
         from streams.stream s where s.ended and s.created_at < $1 limit $2`,
      [before, limit],
    );
    for (const row of rows) {
      for (const contentId of row.contents) await this.content.delete(row.tenantId, contentId);
      await this.database.transaction(async () => {
        const where = 'where tenant_id = $1 and stream_id = $2';
        await this.database.execute(`delete from streams.batch ${where}`, [row.tenantId, row.streamId]);
        await this.database.execute(`delete from streams.stream ${where}`, [row.tenantId, row.streamId]);
      });
    }
    return rows.length;
  }

  private async store(
    key: StreamKey,
    subject: { readonly kind: string; readonly id: string },
    frames: readonly RecordedFrame[],
    ended: boolean,
  ): Promise<void> {
    const first = frames[0]?.seq;
    const last = frames.at(-1)?.seq;
    const bytes = new TextEncoder().encode(JSON.stringify(frames.map((frame) => frame.text)));
    const ref =
      frames.length === 0 ? undefined : await this.content.put({ tenantId: key.tenantId, ...subject }, KIND, bytes);
    await this.database.transaction(async () => {
      const mine = await this.database.execute(
        `update streams.stream set last_seq = coalesce($4, last_seq), ended = $5, beat_at = now()
          where tenant_id = $1 and stream_id = $2 and owner = $3 and not ended`,
        [key.tenantId, key.streamId, this.processId, last ?? null, ended],
      );
      if (mine === 0) throw new StreamLost(key.streamId);
      if (ref !== undefined) {
        await this.database.execute(`insert into streams.batch values ($1, $2, $3, $4, $5)`, [
          key.tenantId,
          key.streamId,
          first,
          last,
          ref.id,
        ]);
      }
      await this.database.notify(CHANNEL, `${this.processId} ${key.streamId}`);
    });
    this.local.emit(key.streamId, { frames, ended } satisfies News);
  }

  private heard(payload: string): void {
    const [owner, streamId] = payload.split(' ');
    // Our own frames went by hand; after a reconnect ('') everyone looks, within the poll interval at the latest.
    if (streamId !== undefined && owner !== this.processId) this.local.emit(streamId);
  }
}

/** Frames that this process has just recorded. */
interface News {
  readonly frames: readonly RecordedFrame[];
  readonly ended: boolean;
}

/** Another process took the stream over, or ended it. */
export class StreamLost extends Error {
  constructor(streamId: string) {
    super(`the stream ${streamId} has another owner now`);
    this.name = 'StreamLost';
  }
}

class Writer implements StreamWriter {
  private readonly hash = createHash('sha256');
  private seq = 0;
  private stored = 0;
  private waiting: RecordedFrame[] = [];
  private flushing: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly key: StreamKey,
    private readonly store: (frames: readonly RecordedFrame[], ended: boolean) => Promise<void>,
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

  digest(): StreamDigest {
    return { count: this.seq, sha256: this.hash.copy().digest('hex') };
  }

  async beat(): Promise<boolean> {
    const mine = await this.database.execute(
      `update streams.stream set beat_at = now() where tenant_id = $1 and stream_id = $2 and not ended`,
      [this.key.tenantId, this.key.streamId],
    );
    return mine === 1;
  }

  async end(): Promise<void> {
    while (this.stored < this.seq) await this.flush();
    await this.store([], true);
  }

  private take(frame: RecordedFrame): void {
    this.seq = frame.seq;
    this.hash.update(frame.text);
  }

  private flush(): Promise<void> {
    this.flushing ??= this.storeWaiting().finally(() => {
      this.flushing = undefined;
    });
    return this.flushing;
  }

  private async storeWaiting(): Promise<void> {
    const frames = this.waiting;
    this.waiting = [];
    if (frames.length === 0) return;
    await this.store(frames, false);
    this.stored = frames.at(-1)?.seq ?? this.stored;
  }
}

function newsOf(result: IteratorResult<unknown>): { readonly news: News | undefined } {
  return { news: result.done === true ? undefined : (result.value as readonly [News?])[0] };
}

/** Wakes a follower when frames were recorded, in this process or another; `next` also returns after `ms`. */
class Wake {
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
