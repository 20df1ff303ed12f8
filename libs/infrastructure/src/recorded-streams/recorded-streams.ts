import { EventEmitter } from 'node:events';
import type { ContentStore, SealedContent, Subject } from '../content/content-store.js';
import type { Database } from '../database/database.js';
import type { Companion } from '../event-log/companions.js';
import { CHANNEL, nameOf, type NewBatch, StreamRows, type StreamHeaders, type StreamSubject } from './stream-rows.js';
import { type News, Wake } from './stream-wake.js';
import {
  FramesGone,
  type RecordedFrame,
  type MakeFrame,
  type StreamHome,
  type StreamKey,
  StreamLost,
  StreamWriter,
} from './stream-writer.js';

export interface StreamInfo {
  readonly lastSeq: number;
  readonly ended: boolean;
  readonly owner: string;
  /** Milliseconds since the owner was last heard of. */
  readonly silentMs: number;
  readonly subjectId: string;
  /** Those under which it was first sent, where they were given. */
  readonly headers: StreamHeaders | null;
}

export type { StreamHeaders } from './stream-rows.js';

export interface StreamBeginning {
  readonly headers?: StreamHeaders | undefined;
  readonly first?: readonly MakeFrame[];
  readonly contents?: readonly SealedContent[];
}

/** A stream that is not there yet. */
export interface StreamOpening {
  readonly companion: Companion;
  /** The owner's side, once the companion is stored. */
  readonly begin: () => StreamWriter;
}

const POLL_MS = 1_000;
/** Only saves a look at the store, so that the oldest may go. */
const MOST_LIVE = 1_000;
const KIND = 'stream-frames';

interface Row {
  readonly last_seq: number;
  readonly ended: boolean;
  readonly owner: string;
  readonly silent_ms: number;
  readonly subject_id: string;
  readonly headers: StreamHeaders | null;
}

/** Records streams of frames, encrypted under their subject's key, and plays them back from any process. */
export class RecordedStreams {
  private readonly local = new EventEmitter().setMaxListeners(0);
  private unlisten: (() => Promise<void>) | undefined;
  /** Streams that this process writes now. */
  private readonly live = new Map<string, StreamWriter>();
  private readonly rows: StreamRows;

  constructor(
    private readonly database: Database,
    private readonly content: ContentStore,
    /** Names this process in `owner`. */
    private readonly processId: string,
  ) {
    this.rows = new StreamRows(database, processId);
  }

  /** Starts to hear of frames that other processes record. */
  async start(): Promise<void> {
    this.unlisten = await this.database.listen(CHANNEL, (payload) => this.heard(payload));
  }

  async stop(): Promise<void> {
    await this.unlisten?.();
  }

  /** A stream with its first frames and `contents`, to be stored with an append; nothing of it is where its id is taken. */
  async opening(
    key: StreamKey,
    subject: StreamSubject,
    { headers, first = [], contents: more = [] }: StreamBeginning = {},
  ): Promise<StreamOpening> {
    const frames = first.map((make, at) => ({ seq: at + 1, text: make(at + 1) }));
    const content = await this.seal({ tenantId: key.tenantId, ...subject }, frames);
    const row = { key, subject, headers, count: frames.length, content, more };
    return {
      companion: { kind: this.rows.opened, row, bytes: bytesOf(content, ...more) },
      begin: () => this.writer(key, subject, frames),
    };
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
    return this.writer(key, subject, earlier);
  }

  private writer(key: StreamKey, subject: StreamSubject, earlier?: readonly RecordedFrame[]): StreamWriter {
    const writer = new StreamWriter(this.homeOf(key, subject), earlier);
    for (const oldest of this.live.keys()) if (this.live.size >= MOST_LIVE) this.live.delete(oldest);
    this.live.set(nameOf(key), writer);
    return writer;
  }

  private async beat(key: StreamKey): Promise<boolean> {
    const mine = await this.rows.beat(key);
    if (!mine) this.live.delete(nameOf(key));
    return mine;
  }

  async info(key: StreamKey): Promise<StreamInfo | undefined> {
    const [row] = await this.database.query<Row>(
      `select last_seq, ended, owner, subject_id, headers,
              greatest(0, extract(epoch from now() - beat_at) * 1000)::float8 as silent_ms
         from streams.stream where tenant_id = $1 and stream_id = $2`,
      [key.tenantId, key.streamId],
    );
    if (row === undefined) return undefined;
    const { last_seq: lastSeq, ended, owner, silent_ms: silentMs, subject_id: subjectId, headers } = row;
    return { lastSeq, ended, owner, silentMs, subjectId, headers };
  }

  /** Streams of any tenant that did not end and whose owner was silent for `silentMs`, oldest first. */
  async abandoned(silentMs: number, limit: number): Promise<readonly StreamKey[]> {
    return this.database.query<StreamKey>(
      `select tenant_id as "tenantId", stream_id as "streamId" from streams.stream
        where not ended and beat_at < now() - make_interval(secs => $1) order by beat_at limit $2`,
      [silentMs / 1_000, limit],
    );
  }

  /** The stored frames after `afterSeq`, in order, as far as they can be read. */
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

  /**
   * Plays the frames after `afterSeq`, then follows the owner until the stream ends or the signal aborts. Rejects with FramesGone
   * where some of them cannot be read, before any that come later in the store.
   */
  async *follow(key: StreamKey, afterSeq: number, signal: AbortSignal): AsyncIterable<RecordedFrame> {
    for await (const frames of this.batches(key, afterSeq, signal)) yield* frames;
  }

  /** As `follow`; frames that were recorded together come together. */
  async *batches(key: StreamKey, afterSeq: number, signal: AbortSignal): AsyncIterable<readonly RecordedFrame[]> {
    if (signal.aborted) return;
    const wake = new Wake(this.local, key.streamId, signal);
    let seq = afterSeq;
    // Only at first: later, another process may have taken the stream over.
    let news = this.fromLive(key, seq);
    try {
      while (!signal.aborted) {
        const { frames, ended } = byHand(news, seq) ?? (await this.fromStore(key, seq));
        if (frames.length > 0) yield frames;
        seq = frames.at(-1)?.seq ?? seq;
        if (ended) return;
        news = await wake.next(POLL_MS);
      }
    } finally {
      wake.close();
    }
  }

  /** What is stored of a stream that this process writes and keeps whole. */
  private fromLive(key: StreamKey, seq: number): News | undefined {
    const frames = this.live.get(nameOf(key))?.after(seq);
    return frames === undefined ? undefined : { frames, ended: false };
  }

  /** What the store has after `seq`; the end is read first, so that no frame can come after it. */
  private async fromStore(key: StreamKey, seq: number): Promise<News> {
    const info = await this.info(key);
    const frames = await this.read(key, seq);
    if ((frames.at(-1)?.seq ?? seq) < (info?.lastSeq ?? 0)) throw new FramesGone(key.streamId);
    return { frames, ended: info?.ended ?? true };
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

  private homeOf(key: StreamKey, subject: StreamSubject): StreamHome {
    const batchOf = async (frames: readonly RecordedFrame[], ended: boolean): Promise<NewBatch> => {
      const content = await this.seal({ tenantId: key.tenantId, ...subject }, frames);
      return { key, ended, first: frames[0]?.seq ?? null, last: frames.at(-1)?.seq ?? null, content };
    };
    return {
      store: async (frames, ended) => {
        const mine = await this.rows.record(await batchOf(frames, ended));
        if (!mine) this.live.delete(nameOf(key));
        if (!mine) throw new StreamLost(key.streamId);
        this.tell(key, frames, ended);
      },
      companion: async (frames, ended) => {
        const row = await batchOf(frames, ended);
        return { kind: this.rows.recorded, row, bytes: bytesOf(row.content) };
      },
      tell: (frames, ended) => this.tell(key, frames, ended),
      beat: () => this.beat(key),
    };
  }

  private tell(key: StreamKey, frames: readonly RecordedFrame[], ended: boolean): void {
    if (ended) this.live.delete(nameOf(key));
    this.local.emit(key.streamId, { frames, ended } satisfies News);
  }

  private async seal(subject: Subject, frames: readonly RecordedFrame[]): Promise<SealedContent | undefined> {
    if (frames.length === 0) return undefined;
    const bytes = Buffer.from(JSON.stringify(frames.map(({ text }) => text)));
    return this.content.seal({ subject, kind: KIND, bytes });
  }

  private heard(payload: string): void {
    const [owner, streamId] = payload.split(' ');
    // Our own frames went by hand; after a reconnect ('') everyone looks, within the poll interval at the latest.
    if (streamId !== undefined && owner !== this.processId) this.local.emit(streamId);
  }
}

function bytesOf(...contents: readonly (SealedContent | undefined)[]): number {
  return contents.reduce((sum, content) => sum + (content?.sealed.length ?? 0), 0);
}

/** Frames that this process recorded itself, unless there is a hole before them, which only the store can fill. */
function byHand(news: News | undefined, seq: number): News | undefined {
  const frames = news?.frames.filter((frame) => frame.seq > seq);
  if (news === undefined || frames === undefined) return undefined;
  return frames.length === 0 || frames[0]?.seq === seq + 1 ? { frames, ended: news.ended } : undefined;
}
