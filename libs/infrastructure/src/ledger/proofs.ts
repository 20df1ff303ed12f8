import type { EventLog, Position, StoredEvent } from '#infra/event-log/event-log.js';
import { encodeLeaf } from './leaf.js';
import type { LedgerStore, StoredCheckpoint, StoredLeaf } from './ledger-store.js';
import { consistencyPath, inclusionPath, sameBytes, type NodeReader } from './merkle.js';
import { ProofPrinter, type Claim, type ProofConsistency } from './proof-file.js';
import { nodesOfTiles } from './tiles.js';
import { parseCheckpoint, parseNote } from './note.js';

/** An inclusion proof of one event, as JSON and as a C2SP tlog-proof text. */
export interface InclusionProof {
  readonly index: number;
  readonly eventId: string;
  /** Base64. */
  readonly leaf: string;
  readonly path: readonly string[];
  readonly checkpoint: string;
  readonly text: string;
}

/** There is no signed checkpoint, event or size of that name yet. */
export class NotSealed extends Error {
  constructor(what: string) {
    super(`${what} is not sealed`);
    this.name = 'NotSealed';
  }
}

/** What was stored is not what was sealed; the self-audit names the place. */
export class SealBroken extends Error {
  readonly position: Position;
  constructor(position: Position) {
    super(`the event at ${position} is not what was sealed`);
    this.name = 'SealBroken';
    this.position = position;
  }
}

/** Which events an evidence file holds: some by id, a span of one stream, or a span of log indices (inclusive). */
export type EvidenceQuery =
  | { readonly kind: 'events'; readonly ids: readonly string[] }
  | { readonly kind: 'stream'; readonly stream: string; readonly from: number; readonly to?: number }
  | { readonly kind: 'range'; readonly from: number; readonly to: number };

/** Answers for one sealed log. */
export class LedgerProofs {
  constructor(
    private readonly events: EventLog,
    private readonly store: LedgerStore,
    /** The log's public key, as `Sealer.vkey` gives it. */
    private readonly vkey: string,
  ) {}

  async latestCheckpoint(): Promise<StoredCheckpoint> {
    const { timeline, size } = await this.store.sealed();
    const found = await this.store.checkpoint(timeline, size);
    if (found === undefined) throw new NotSealed('the log');
    return found;
  }

  /** Proof of the event at a position or with an id, against the newest checkpoint. Throws NotSealed. */
  async inclusionProof(of: { readonly position: Position } | { readonly eventId: string }): Promise<InclusionProof> {
    const checkpoint = await this.latestCheckpoint();
    const leaf =
      'position' in of ? await this.store.leafAtPosition(of.position) : await this.store.leafOfEvent(of.eventId);
    if (leaf === undefined || leaf.index >= checkpoint.size) throw new NotSealed('the event');
    const path = await this.pathOf(leaf.index, checkpoint.size, this.nodes());
    const text = `c2sp.org/tlog-proof@v1\nindex ${leaf.index}\n${path.map((hash) => `${hash}\n`).join('')}\n${checkpoint.note}`;
    return {
      index: leaf.index,
      eventId: leaf.eventId,
      leaf: base64(leaf.leaf),
      path,
      checkpoint: checkpoint.note,
      text,
    };
  }

  /** Proof that the tree of `to` leaves (by default the newest checkpoint's) extends the one of `from`. */
  async consistencyProof(from: number, to?: number): Promise<{ from: number; to: number; path: readonly string[] }> {
    const { size } = await this.latestCheckpoint();
    const end = to ?? size;
    if (end > size || from > end) throw new NotSealed(`a tree of ${Math.max(from, end)} leaves`);
    return { from, to: end, path: (await consistencyPath(from, end, this.nodes())).map(base64) };
  }

  /**
   * Prints an evidence file line by line (docs/ledger-format.md, 4). `previous` is a signed checkpoint that the reader
   * holds. Throws NotSealed for events that are not, SealBroken when stored bytes differ from their leaf.
   */
  async *evidence(query: EvidenceQuery, previous?: string): AsyncGenerator<string, void, undefined> {
    const checkpoint = await this.latestCheckpoint();
    const nodes = this.nodes();
    const plan = await this.planOf(query, checkpoint.size);
    const printer = new ProofPrinter();
    const { origin } = parseCheckpoint(parseNote(checkpoint.note).text);
    yield printer.header({ log: this.store.log, origin, vkey: this.vkey, claim: plan.claim, events: plan.count });
    yield printer.checkpoint(checkpoint.note);
    if (previous !== undefined) yield printer.consistency(await this.extending(previous, checkpoint.size));
    for await (const { leaf, event } of plan.entries) {
      const path = await this.pathOf(leaf.index, checkpoint.size, nodes);
      const { data, metadata } = event.raw;
      yield printer.event({ index: leaf.index, leaf: base64(leaf.leaf), data, metadata, path });
    }
    yield printer.end();
  }

  private async extending(previous: string, size: number): Promise<ProofConsistency> {
    const older = parseCheckpoint(parseNote(previous).text);
    const proof = await this.consistencyProof(older.size, size);
    return { ...proof, previous };
  }

  private async planOf(query: EvidenceQuery, size: number): Promise<Plan> {
    if (query.kind === 'range') {
      if (query.to >= size || query.from > query.to) throw new NotSealed(`event ${query.to}`);
      const { from, to } = query;
      return { claim: { kind: 'range', from, to }, count: to - from + 1, entries: this.range(from, to) };
    }
    if (query.kind === 'events') {
      const leaves = await this.leavesOf(query.ids);
      return { claim: { kind: 'events' }, count: leaves.length, entries: this.single(leaves) };
    }
    return this.streamPlan(query.stream, query.from, query.to);
  }

  private async streamPlan(stream: string, from: number, until?: number): Promise<Plan> {
    const ids: string[] = [];
    for await (const event of this.events.readStream(stream, { from })) {
      if (until !== undefined && event.revision > until) break;
      if (until === undefined && (await this.store.leafOfEvent(event.id)) === undefined) break;
      ids.push(event.id);
    }
    const to = from + ids.length - 1;
    if (ids.length === 0 || (until !== undefined && to < until)) throw new NotSealed(`the stream ${stream}`);
    const leaves = await this.leavesOf(ids);
    return { claim: { kind: 'stream', stream, from, to }, count: leaves.length, entries: this.single(leaves) };
  }

  private async leavesOf(ids: readonly string[]): Promise<StoredLeaf[]> {
    const leaves: StoredLeaf[] = [];
    for (const id of ids) {
      const leaf = await this.store.leafOfEvent(id);
      if (leaf === undefined) throw new NotSealed(`the event ${id}`);
      leaves.push(leaf);
    }
    return leaves.sort((a, b) => a.index - b.index);
  }

  private async *single(leaves: readonly StoredLeaf[]): AsyncGenerator<Entry> {
    for (const leaf of leaves) {
      const after = leaf.index === 0 ? null : ((await this.store.leaves(leaf.index - 1, 1))[0]?.position ?? null);
      const { events } = await this.events.readAll({ after, limit: 1 });
      yield this.entryOf(leaf, events[0]);
    }
  }

  private async *range(from: number, to: number): AsyncGenerator<Entry> {
    let after = from === 0 ? null : ((await this.store.leaves(from - 1, 1))[0]?.position ?? null);
    for (let at = from; at <= to;) {
      const limit = Math.min(1_000, to - at + 1);
      const leaves = await this.store.leaves(at, limit);
      const { events } = await this.events.readAll({ after, limit });
      if (leaves.length < limit) throw new NotSealed(`event ${to}`);
      for (const [offset, leaf] of leaves.entries()) yield this.entryOf(leaf, events[offset]);
      after = leaves.at(-1)?.position ?? after;
      at += limit;
    }
  }

  private entryOf(leaf: StoredLeaf, event: StoredEvent | undefined): Entry {
    if (event === undefined || !sameBytes(encodeLeaf(this.store.log, event), leaf.leaf))
      throw new SealBroken(leaf.position);
    return { leaf, event };
  }

  private async pathOf(index: number, size: number, nodes: NodeReader): Promise<string[]> {
    return (await inclusionPath(index, size, nodes)).map(base64);
  }

  private nodes(): NodeReader {
    return nodesOfTiles((level, index) => this.store.tile(level, index));
  }
}

interface Entry {
  readonly leaf: StoredLeaf;
  readonly event: StoredEvent;
}

interface Plan {
  readonly claim: Claim;
  readonly count: number;
  readonly entries: AsyncIterable<Entry>;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
