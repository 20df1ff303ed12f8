import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '#infra/database/database.js';
import { intoBuckets, POSTINGS_OF_B } from './segments.js';
import { turn } from './vectors.js';

/** A segment of a scope. */
export interface Segment {
  readonly segmentNo: string;
  /** Its postings, or more: what was removed since is not taken off. */
  readonly entries: number;
}

/** As many segments of about a size become one. */
export const MERGED_AT_ONCE = 8;
/** While others write in a scope, more of them may come together: each posting is moved less often. The last writer leaves fewer. */
export const MERGED_WHILE_WRITTEN = 32;
/** Of those that were merged before. */
const MERGED_AGAIN_WHILE_WRITTEN = 16;
/** Segments of fewer postings than the first of these are about of a size, as are those between two; larger ones stay. */
const TIERS = [8_192, 65_536, 524_288];

/** How much is done at once, in postings. */
export interface MergeLimits {
  /** That one statement moves. */
  readonly moved: number;
  /** Of a merged segment. */
  readonly largest: number;
}

const SERVER: MergeLimits = { moved: 131_072, largest: 1_048_576 };
/** Everything else waits for a transaction of the embedded engine, and the event loop for each of its statements. */
const EMBEDDED: MergeLimits = { moved: 16_384, largest: 131_072 };
/** What one statement moves is grouped in memory: some 130 bytes a posting, where 4 MB are a server's default. */
const ROOM = `set local work_mem = '32MB'`;
const KNOWN_SCOPES = 10_000;
/** Who could merge few looks again after so long, whether others write by then. */
const LOOK_AGAIN_MS = 50;

/**
 * The segments that should become one: the smallest that are enough of about a size; none where there are none. While others write,
 * what was merged before waits for more of its size.
 */
export function mergeable(
  segments: readonly Segment[],
  { moved, largest }: MergeLimits = SERVER,
  whileWritten = false,
): readonly Segment[] {
  for (const [tier, below] of TIERS.entries()) {
    const least = TIERS[tier - 1] ?? 0;
    const alike = segments.filter(({ entries }) => entries >= least && entries < Math.min(below, largest / 2));
    if (alike.length < (whileWritten && tier > 0 ? MERGED_AGAIN_WHILE_WRITTEN : MERGED_AT_ONCE)) continue;
    // Of few upper bits, the smallest are not moved in parts.
    const most = tier === 0 ? moved : largest;
    let sum = 0;
    return alike.filter(({ entries }, at) => (sum += entries) <= most || at < 2);
  }
  return [];
}

/** Merges the segments of scopes in which this process writes, when there are many. */
export class SegmentMerges {
  /** Segments that were written since a scope was last looked at. */
  private readonly written = new Map<number, number>();
  /** How many write in a scope now. */
  private readonly writers = new Map<number, number>();
  /** Where somebody looks again. */
  private readonly looking = new Set<number>();

  constructor(
    private readonly database: Database,
    private readonly onError: (error: unknown) => void,
    private readonly limits: MergeLimits = database.engine === 'postgres' ? SERVER : EMBEDDED,
  ) {}

  /** Tells that somebody writes in a scope, until the returned function is called. */
  writing(scopeNo: number): () => void {
    const count = (by: number): void => {
      const left = (this.writers.get(scopeNo) ?? 0) + by;
      if (left > 0) this.writers.set(scopeNo, left);
      else this.writers.delete(scopeNo);
    };
    count(1);
    return () => count(-1);
  }

  /** Tells of segments that were written. */
  added(scopeNo: number, segments = 1): void {
    if (this.written.size >= KNOWN_SCOPES) this.written.clear();
    // A scope that was not seen before may have what another process left.
    this.written.set(scopeNo, (this.written.get(scopeNo) ?? MERGED_AT_ONCE) + segments);
  }

  /**
   * Merges what is due in a scope, and resolves then; at once where nothing is, or where somebody else does. To be called by who has
   * written, once that is told of. What was written is there whether or not this succeeds: it is tried again with the next segment.
   */
  async settle(scopeNo: number): Promise<void> {
    if (this.database.inTransaction || !(await this.isDue(scopeNo))) return;
    this.written.set(scopeNo, 0);
    try {
      while (await this.merge(scopeNo)) await turn();
    } catch (error) {
      this.written.set(scopeNo, MERGED_AT_ONCE);
      this.onError(error);
    }
  }

  private async isDue(scopeNo: number): Promise<boolean> {
    const isEnough = (count: number): boolean => (this.written.get(scopeNo) ?? 0) >= count;
    if (isEnough(MERGED_WHILE_WRITTEN)) return true;
    if (!isEnough(MERGED_AT_ONCE) || this.writers.has(scopeNo) || this.looking.has(scopeNo)) return false;
    this.looking.add(scopeNo);
    await delay(LOOK_AGAIN_MS);
    this.looking.delete(scopeNo);
    return isEnough(this.writers.has(scopeNo) ? MERGED_WHILE_WRITTEN : MERGED_AT_ONCE);
  }

  /** One merge of a scope; false where none is due, or where another transaction holds the scope's segments. */
  merge(scopeNo: number): Promise<boolean> {
    const { database } = this;
    return database.transaction(async () => {
      const held = await database.query(
        'select 1 from retrieval.scope where scope_no = $1 for no key update skip locked',
        [scopeNo],
      );
      if (held.length === 0) return false;
      const rows = await database.query<{ segment_no: string; entries: string }>(
        'select segment_no, entries from retrieval.segment where scope_no = $1 order by segment_no',
        [scopeNo],
      );
      const segments = rows.map((row) => ({ segmentNo: row.segment_no, entries: Number(row.entries) }));
      const merged = mergeable(segments, this.limits, this.writers.has(scopeNo));
      if (merged.length > 0) await this.join(scopeNo, merged);
      return merged.length > 0;
    });
  }

  private async join(scopeNo: number, segments: readonly Segment[]): Promise<void> {
    const numbers = segments.map(({ segmentNo }) => segmentNo);
    const sum = segments.reduce((all, { entries }) => all + entries, 0);
    await this.database.execute(ROOM);
    const [made] = await this.database.query<{ segment_no: string; shift: number }>(
      `insert into retrieval.segment (scope_no, shift, entries, first_version, last_version)
       select $1, retrieval.shift_of(sum(entries)::bigint), sum(entries), min(first_version), max(last_version)
         from retrieval.segment where scope_no = $1 and segment_no = any($2::bigint[]) returning segment_no, shift`,
      [scopeNo, numbers],
    );
    for (const [least, greatest] of slices(sum, this.limits.moved)) {
      await this.database.execute(
        `with taken as (
           delete from retrieval.posting_bucket b using retrieval.segment g
            where g.scope_no = $1 and g.segment_no = any($2::bigint[]) and b.segment_no = g.segment_no
              and b.bucket between $4::bigint >> g.shift and $5::bigint >> g.shift
           returning b.terms, b.versions, b.hits)
         ${intoBuckets(`select $3::bigint as segment_no, $6::int as shift, ${POSTINGS_OF_B} from taken b`)}`,
        [scopeNo, numbers, made?.segment_no, least, greatest, made?.shift],
      );
      await turn();
    }
    await this.database.execute(
      'delete from retrieval.segment where scope_no = $1 and segment_no = any($2::bigint[])',
      [scopeNo, numbers],
    );
  }
}

/** The terms from the least to the greatest, in 1, 2, 4 or more parts of at most so many postings each, about. */
function slices(entries: number, atOnce: number): readonly (readonly [least: string, greatest: string])[] {
  // Never more bits than those that name the buckets of the second tier, 7 at least.
  let bits = 0;
  while (entries / 2 ** bits > atOnce && bits < 7) bits += 1;
  const width = 1n << BigInt(64 - bits);
  return Array.from({ length: 2 ** bits }, (_, at) => {
    const least = -(1n << 63n) + BigInt(at) * width;
    return [String(least), String(least + width - 1n)] as const;
  });
}
