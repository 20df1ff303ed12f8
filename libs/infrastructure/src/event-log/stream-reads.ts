import { Gathered } from '#infra/batching/gathered.js';
import { hidden, type Database } from '#infra/database/database.js';
import { eventColumns, type EventRow } from './stored-row.js';

/** Where to begin in which stream. */
interface Start {
  readonly stream: string;
  readonly from: number;
}

type StartedRow = EventRow & { readonly at: number };

/** Most events of one stream that come at once. */
export const STREAM_PAGE = 1_000;
const STREAMS_AT_ONCE = 32;

/** Reads of streams; while one statement reads whole pages forwards, what else is asked for so is read together by the next. */
export class StreamReads {
  private readonly reads: Gathered<Start, readonly EventRow[]>;

  constructor(
    private readonly database: Database,
    private readonly log: number,
  ) {
    const send = (starts: readonly Start[]) => database.detached(() => this.readMany(starts));
    this.reads = new Gathered(send, STREAMS_AT_ONCE);
  }

  /** At most `limit` events of a stream from a revision on, or back from it; as of after the call. */
  page(stream: string, from: number, limit: number, backwards: boolean): Promise<readonly EventRow[]> {
    // A transaction reads on its own connection, by its own snapshot.
    const isAlone = backwards || limit !== STREAM_PAGE || this.database.inTransaction;
    return isAlone ? this.readOne({ stream, from }, limit, backwards) : this.reads.add({ stream, from });
  }

  private async readMany(starts: readonly Start[]): Promise<readonly (readonly EventRow[])[]> {
    const [first] = starts;
    if (first === undefined) return [];
    const places = new Map(starts.map((start) => [`${start.from} ${start.stream}`, start]));
    if (places.size === 1) return Array<readonly EventRow[]>(starts.length).fill(await this.readOne(first));
    const found = new Map([...places.keys()].map((name): [string, EventRow[]] => [name, []]));
    const lists = [...found.values()];
    for (const row of await this.rowsOf([...places.values()])) lists[row.at]?.push(row);
    return starts.map(({ stream, from }) => found.get(`${from} ${stream}`) ?? []);
  }

  /** Each stream is looked up (`offset 0`): a plan that was kept since the log was small would read all of them. */
  private rowsOf(starts: readonly Start[]): Promise<StartedRow[]> {
    return this.database.queryPrepared<StartedRow>(
      `select (w.at - 1)::int as at, e.*
         from unnest(${hidden('$2::text[]')}, ${hidden('$3::bigint[]')}) with ordinality w(name, start, at)
        cross join lateral (
          select n.stream_pk from log.stream n where n.log_id = $1 and n.name = w.name offset 0) s
        cross join lateral (
          select ${eventColumns('w.name')} from log.event e
           where e.stream_pk = s.stream_pk and e.revision >= w.start
           order by e.revision limit ${STREAM_PAGE}) e
        order by w.at, e.revision`,
      [this.log, starts.map(({ stream }) => stream), starts.map(({ from }) => from)],
    );
  }

  private readOne({ stream, from }: Start, limit = STREAM_PAGE, backwards = false): Promise<EventRow[]> {
    const [compare, order] = backwards ? ['<=', 'desc'] : ['>=', 'asc'];
    return this.database.queryPrepared<EventRow>(
      `select ${eventColumns('$2::text')} from log.event e
        where e.stream_pk = (select s.stream_pk from log.stream s where s.log_id = $1 and s.name = $2)
          and e.revision ${compare} $3::bigint
        order by e.revision ${order} limit $4`,
      [this.log, stream, from, limit],
    );
  }
}
