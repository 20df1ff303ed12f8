/** An event as the server keeps it; `position` is the byte offset of its record, which is commit and prepare in one. */
export interface Record {
  readonly position: bigint;
  readonly stream: string;
  readonly revision: bigint;
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
  /** Hundreds of nanoseconds since 1970, as text. */
  readonly created: string;
}

export type Proposed = Pick<Record, 'id' | 'type' | 'contentType' | 'data' | 'metadata'>;

export type ExpectedRevision = 'any' | 'no-stream' | 'stream-exists' | bigint;

export type Verdict =
  | { readonly kind: 'stored' | 'known'; readonly last: Record }
  | { readonly kind: 'wrong'; readonly current: bigint | undefined };

/** After so many appends the server writes a statistics event of its own, so that positions have holes. */
const SYSTEM_EVERY = 5;

/** What a node, or the nodes of one cluster, hold: one log of records at sparse byte offsets. */
export class Records {
  readonly all: Record[] = [];
  private readonly streams = new Map<string, Record[]>();
  private readonly byId = new Map<string, Record>();
  private readonly watchers = new Set<() => void>();
  private offset = 0n;
  private appends = 0;

  stream(name: string): readonly Record[] {
    return this.streams.get(name) ?? [];
  }

  /** Calls `onAppend` after every append until the returned function is called. */
  watch(onAppend: () => void): () => void {
    this.watchers.add(onAppend);
    return () => this.watchers.delete(onAppend);
  }

  /** The server's own rules: revisions, and events that are there already by id. */
  append(stream: string, expected: ExpectedRevision, events: readonly Proposed[]): Verdict {
    const stored = this.stream(stream);
    const current = BigInt(stored.length) - 1n;
    const wrong = { kind: 'wrong', current: current < 0n ? undefined : current } as const;
    if (expected === 'stream-exists' && current < 0n) return wrong;
    const from =
      expected === 'any' || expected === 'stream-exists' ? undefined : expected === 'no-stream' ? -1n : expected;
    if (from !== undefined && from > current) return wrong;
    const known = from === undefined ? this.knownByIds(stream, events) : this.knownAt(stored, from, events);
    if (known === 'partly' || (known === 'no' && from !== undefined && from < current)) return wrong;
    if (known !== 'no') return { kind: 'known', last: known };
    return { kind: 'stored', last: this.store(stream, events) };
  }

  /** First index after (or, inclusive, at) a position. */
  indexFrom(position: bigint, inclusive: boolean): number {
    let [low, high] = [0, this.all.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const at = this.all[middle]?.position ?? 0n;
      if (at < position || (!inclusive && at === position)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private knownByIds(stream: string, events: readonly Proposed[]): Record | 'no' | 'partly' {
    let last: Record | undefined;
    for (const [at, { id }] of events.entries()) {
      const found = this.byId.get(id);
      if (found?.stream !== stream) return at === 0 ? 'no' : 'partly';
      last = found;
    }
    return last ?? 'no';
  }

  private knownAt(stored: readonly Record[], from: bigint, events: readonly Proposed[]): Record | 'no' | 'partly' {
    if (BigInt(stored.length) - 1n === from) return 'no';
    let last: Record | undefined;
    for (const [at, { id }] of events.entries()) {
      const found = stored[Number(from) + 1 + at];
      if (found?.id !== id) return at === 0 ? 'no' : 'partly';
      last = found;
    }
    return last ?? 'no';
  }

  private store(stream: string, events: readonly Proposed[]): Record {
    let last: Record | undefined;
    for (const event of events) last = this.write(stream, event);
    if (last === undefined) throw new RangeError('an append without events');
    this.appends += 1;
    if (this.appends % SYSTEM_EVERY === 0) {
      this.write('$stats-127.0.0.1:2113', {
        id: crypto.randomUUID(),
        type: '$statsCollected',
        contentType: 'application/json',
        data: Buffer.from('{"proc-cpu":0.5}'),
        metadata: new Uint8Array(),
      });
    }
    for (const wake of this.watchers) wake();
    return last;
  }

  private write(stream: string, event: Proposed): Record {
    const records = this.streams.get(stream) ?? [];
    const record: Record = {
      ...event,
      stream,
      position: this.offset,
      revision: BigInt(records.length),
      created: `${Date.now()}0000`,
    };
    this.offset += BigInt(96 + stream.length + event.type.length + event.data.length + event.metadata.length);
    records.push(record);
    this.streams.set(stream, records);
    this.all.push(record);
    this.byId.set(event.id, record);
    return record;
  }
}
