import { Gathered } from '../batching/gathered.js';
import type { Statement } from '../database/prepared.js';
import type { Database } from '../database/database.js';
import { isAppended, storeRows, type CompanionKind } from '../event-log/companions.js';
import { blobArrays, blobColumns, blobParameters } from '../content/blob-rows.js';
import type { SealedContent } from '../content/content-store.js';
import type { StreamKey } from './stream-writer.js';

export const CHANNEL = 'recorded_streams';
const AT_ONCE = 128;

export type StreamHeaders = Readonly<Record<string, string>>;

const blobsOf = (first: number): string =>
  `unnest($${first}::int[], ${blobParameters(first + 1)}) b(of, ${blobColumns})`;
const blobColumnsOfB = blobColumns.replaceAll(/\w+/g, 'b.$&');

/**
 * The frames, the batch, the stream's new end and the news of it in one statement, which is one round trip and one commit. A
 * batch whose outcome was unknown comes again, with more behind it.
 */
const RECORD = `
  with given as (
    select g.*, (g.place - 1)::int as at
      from unnest($2::text[], $3::uuid[], $4::int[], $5::boolean[], $6::int[], $7::uuid[], $8::int[]) with ordinality
           g(tenant_id, stream_id, last_seq, ended, first_seq, content_id, append, place)
     where ${isAppended('g.append')}),
  mine as (
    update streams.stream s set last_seq = coalesce(g.last_seq, s.last_seq), ended = g.ended, beat_at = now()
      from given g
     where s.tenant_id = g.tenant_id and s.stream_id = g.stream_id and s.owner = $1 and not s.ended
    returning g.*),
  blob as (
    insert into content.blob (${blobColumns})
    select ${blobColumnsOfB} from ${blobsOf(9)} join mine on mine.at = b.of),
  batch as (
    insert into streams.batch (tenant_id, stream_id, first_seq, last_seq, content_id)
    select tenant_id, stream_id, first_seq, last_seq, content_id from mine where content_id is not null
    on conflict (tenant_id, stream_id, first_seq)
      do update set last_seq = excluded.last_seq, content_id = excluded.content_id)
  select at, pg_notify('${CHANNEL}', $1 || ' ' || stream_id) from mine`;

/** Of two that come under one id the first is taken, with its own contents. */
const OPEN = `
  with given as (
    select distinct on (g.tenant_id, g.stream_id) g.*, (g.place - 1)::int as at
      from unnest($2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::int[], $8::uuid[], $9::int[]) with ordinality
           g(tenant_id, stream_id, subject_kind, subject_id, headers, last_seq, content_id, append, place)
     where ${isAppended('g.append')}
     order by g.tenant_id, g.stream_id, g.place),
  made as (
    insert into streams.stream (tenant_id, stream_id, subject_kind, subject_id, owner, headers, last_seq)
    select tenant_id, stream_id, subject_kind, subject_id, $1, headers::jsonb, last_seq from given
    on conflict do nothing returning tenant_id, stream_id),
  blob as (
    insert into content.blob (${blobColumns})
    select ${blobColumnsOfB} from ${blobsOf(10)}
      join (select at from made join given using (tenant_id, stream_id)) n on n.at = b.of),
  batch as (
    insert into streams.batch (tenant_id, stream_id, first_seq, last_seq, content_id)
    select tenant_id, stream_id, 1, last_seq, content_id
      from made join given using (tenant_id, stream_id) where last_seq > 0)
  select at from made join given using (tenant_id, stream_id)`;

/** Which frames are there as they were given: sealed again they would have another content. */
const RECORDED = `
  select (g.place - 1)::int as at
    from unnest($1::text[], $2::uuid[], $3::uuid[]) with ordinality g(tenant_id, stream_id, content_id, place)
    join streams.batch b using (tenant_id, stream_id, content_id)`;

/** A batch of frames of one stream, or only its end. */
export interface NewBatch {
  readonly key: StreamKey;
  readonly first: number | null;
  readonly last: number | null;
  readonly ended: boolean;
  readonly content: SealedContent | undefined;
}

export interface NewStream {
  readonly key: StreamKey;
  readonly subject: StreamSubject;
  readonly headers: StreamHeaders | undefined;
  /** How many frames it begins with, and what they are in. */
  readonly count: number;
  readonly content: SealedContent | undefined;
  /** What else is stored where it is new. */
  readonly more: readonly SealedContent[];
}

/** Whose key seals the frames. */
export interface StreamSubject {
  readonly kind: string;
  readonly id: string;
}

/** A stream's name among those of all tenants. */
export function nameOf({ tenantId, streamId }: StreamKey): string {
  return `${streamId} ${tenantId}`;
}

/** The rows of the streams that one process writes; what many write at once goes in one statement. */
export class StreamRows {
  /** New streams, each with its first frames and contents; not stored where the id is taken. */
  readonly opened: CompanionKind<NewStream> = {
    order: 'before',
    statement: (streams, appends) => ({ text: OPEN, values: this.openValues(streams, appends) }),
    lookup: recordedLookup,
  };
  /** Frames; not stored when another process owns their stream, or it has ended. */
  readonly recorded: CompanionKind<NewBatch> = {
    order: 'after',
    statement: (batches, appends) => ({ text: RECORD, values: this.recordValues(batches, appends) }),
    lookup: recordedLookup,
  };
  private readonly batches: Gathered<NewBatch, boolean>;

  constructor(
    private readonly database: Database,
    private readonly owner: string,
  ) {
    const store = (batches: readonly NewBatch[]): Promise<readonly boolean[]> =>
      database.detached(() => storeRows(database, this.recorded, batches));
    this.batches = new Gathered(store, AT_ONCE);
  }

  /** False when another process owns the stream, or it has ended. */
  record(batch: NewBatch): Promise<boolean> {
    return this.batches.add(batch);
  }

  /** Says that the owner lives; false when it is not the owner any more, or the stream has ended. */
  async beat({ tenantId, streamId }: StreamKey): Promise<boolean> {
    const mine = await this.database.execute(
      `update streams.stream set beat_at = now() where tenant_id = $1 and stream_id = $2 and owner = $3 and not ended`,
      [tenantId, streamId, this.owner],
    );
    return mine === 1;
  }

  private recordValues(batches: readonly NewBatch[], appends?: readonly number[]): unknown[] {
    return [
      this.owner,
      batches.map(({ key }) => key.tenantId),
      batches.map(({ key }) => key.streamId),
      batches.map(({ last }) => last),
      batches.map(({ ended }) => ended),
      batches.map(({ first }) => first),
      batches.map(({ content }) => content?.id ?? null),
      batches.map((_, at) => appends?.[at] ?? null),
      ...contentsOf(batches.map(({ content }) => (content === undefined ? [] : [content]))),
    ];
  }

  private openValues(streams: readonly NewStream[], appends?: readonly number[]): unknown[] {
    return [
      this.owner,
      streams.map(({ key }) => key.tenantId),
      streams.map(({ key }) => key.streamId),
      streams.map(({ subject }) => subject.kind),
      streams.map(({ subject }) => subject.id),
      streams.map(({ headers }) => (headers === undefined ? null : JSON.stringify(headers))),
      streams.map(({ count }) => count),
      streams.map(({ content }) => content?.id ?? null),
      streams.map((_, at) => appends?.[at] ?? null),
      ...contentsOf(streams.map(({ content, more }) => (content === undefined ? more : [content, ...more]))),
    ];
  }
}

function recordedLookup(rows: readonly (NewStream | NewBatch)[]): Statement {
  const keys = rows.map(({ key }) => key);
  const contents = rows.map(({ content }) => content?.id ?? null);
  return { text: RECORDED, values: [keys.map((key) => key.tenantId), keys.map((key) => key.streamId), contents] };
}

/** Contents of many, and of which of them each is, from 0. */
function contentsOf(each: readonly (readonly SealedContent[])[]): unknown[] {
  return [each.flatMap((contents, at) => contents.map(() => at)), ...blobArrays(each.flat())];
}
