import { EventEmitter } from 'node:events';
import type { ContentStore } from '../content/content-store.js';
import type { Database } from '../database/database.js';
import { type News, Wake } from './stream-wake.js';
import { type RecordedFrame, type StoreFrames, type StreamKey, StreamLost, StreamWriter } from './stream-writer.js';

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

export type StreamHeaders = Readonly<Record<string, string>>;

const CHANNEL = 'recorded_streams';
const POLL_MS = 1_000;
const KIND = 'stream-frames';

/**
 * The batch, the stream's new end and the news of it in one statement, which is one round trip and one commit. A batch
 * whose outcome was unknown comes again, with more behind it.
 */
const RECORD = `
  with mine as (
    update streams.stream set last_seq = coalesce($4::int, last_seq), ended = $5::boolean, beat_at = now()
     where tenant_id = $1 and stream_id = $2 and owner = $3 and not ended
    returning tenant_id, stream_id),
  batch as (
    insert into streams.batch (tenant_id, stream_id, first_seq, last_seq, content_id)
    select tenant_id, stream_id, $6::int, $4::int, $7::uuid from mine where $7::uuid is not null
    on conflict (tenant_id, stream_id, first_seq)
      do update set last_seq = excluded.last_seq, content_id = excluded.content_id)
  select pg_notify('${CHANNEL}', $8) from mine`;

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
    headers?: StreamHeaders,
  ): Promise<StreamWriter | undefined> {
    const made = await this.database.execute(
      `insert into streams.stream (tenant_id, stream_id, subject_kind, subject_id, owner, headers)
       values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
      [
        key.tenantId,
        key.streamId,
        subject.kind,
        subject.id,
        this.processId,
        headers === undefined ? null : JSON.stringify(headers),
      ],
    );
    return made === 0
      ? undefined
      : new StreamWriter(this.database, key, this.processId, (frames, ended) =>
          this.store(key, subject, frames, ended),
        );
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
    const store: StoreFrames = (frames, ended) => this.store(key, subject, frames, ended);
    return new StreamWriter(this.database, key, this.processId, store, earlier);
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
    if (signal.aborted) return;
    const wake = new Wake(this.local, key.streamId, signal);
    let seq = afterSeq;
    let news: News | undefined;
    try {
      while (!signal.aborted) {
        const { frames, ended } = byHand(news, seq) ?? (await this.fromStore(key, seq));
        yield* frames;
        seq = frames.at(-1)?.seq ?? seq;
        if (ended) return;
        news = await wake.next(POLL_MS);
      }
    } finally {
      wake.close();
    }
  }

  /** What the store has after `seq`; the end is read first, so that no frame can come after it. */
  private async fromStore(key: StreamKey, seq: number): Promise<News> {
    const info = await this.info(key);
    return { frames: await this.read(key, seq), ended: info?.ended ?? true };
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
    const { tenantId, streamId } = key;
    const news = `${this.processId} ${streamId}`;
    const params = [tenantId, streamId, this.processId, last ?? null, ended, first ?? null, ref?.id ?? null, news];
    const mine = await this.database.execute(RECORD, params);
    if (mine === 0) throw new StreamLost(streamId);
    this.local.emit(key.streamId, { frames, ended } satisfies News);
  }

  private heard(payload: string): void {
    const [owner, streamId] = payload.split(' ');
    // Our own frames went by hand; after a reconnect ('') everyone looks, within the poll interval at the latest.
    if (streamId !== undefined && owner !== this.processId) this.local.emit(streamId);
  }
}

/** Frames that this process recorded itself, unless there is a hole before them, which only the store can fill. */
function byHand(news: News | undefined, seq: number): News | undefined {
  const frames = news?.frames.filter((frame) => frame.seq > seq);
  if (news === undefined || frames === undefined) return undefined;
  return frames.length === 0 || frames[0]?.seq === seq + 1 ? { frames, ended: news.ended } : undefined;
}
