import { CorruptEvent, type EventLog, type Position, type StoredEvent } from '#infra/event-log/event-log.js';
import type { HeadStore } from './head-store.js';
import { Found, type Finding, type FindingKind } from './finding.js';
import { encodeLeaf } from './leaf.js';
import type { LedgerStore, Sealed, StoredLeaf } from './ledger-store.js';
import { Frontier, leafHash, sameBytes, type TreeHead } from './merkle.js';
import { parseCheckpoint, parseNote, parseVkey, verifiedBy, MalformedNote, type NoteVerifier } from './note.js';
import { originOf } from './sealed-tree.js';
import { TileEdge } from './tiles.js';

export interface AuditReport {
  readonly ok: boolean;
  /** Leaves that were checked against their events. */
  readonly checked: number;
  readonly size: number;
  readonly finding: Finding | null;
}

export interface AuditParts {
  readonly events: EventLog;
  readonly store: LedgerStore;
  readonly heads: HeadStore;
  /** `Sealer.vkey`. */
  readonly vkey: string;
}

const PAGE = 1_000;

/** One pass over the whole log, a page at a time: events against leaves, leaves against tiles, checkpoints and the head. */
export class LedgerScan {
  private readonly frontier = new Frontier();
  private readonly edge = new TileEdge();
  private readonly revisions = new Map<string, number>();
  private after: Position | null = null;
  private trusted = 0;

  private constructor(
    private readonly parts: AuditParts,
    private readonly sealed: Sealed,
    private readonly head: TreeHead | undefined,
    private readonly key: NoteVerifier,
    private readonly cutTo: Position | null | undefined,
  ) {}

  /** Begins a pass over what is sealed now. */
  static async begin(parts: AuditParts, cutTo?: Position | null): Promise<LedgerScan> {
    // The head first: a seal in between makes the tree larger than the head, never smaller.
    const head = await parts.heads.load(parts.store.log);
    const sealed = await parts.store.sealed();
    const opened = head === undefined ? undefined : parseCheckpoint(parseNote(head.note).text);
    return new LedgerScan(parts, sealed, opened, parseVkey(parts.vkey), cutTo);
  }

  get checked(): number {
    return this.frontier.size;
  }

  get size(): number {
    return this.sealed.size;
  }

  /** Checks up to `limit` more events: a finding, or true while there is more, or false at the clean end. */
  async step(limit: number): Promise<Finding | boolean> {
    try {
      if (this.checked === 0) this.holdTo(this.head, 'head-contradicted');
      if (this.checked < this.sealed.size) await this.page(Math.min(limit, this.sealed.size - this.checked));
      if (this.checked < this.sealed.size) return true;
      await this.finish();
      return false;
    } catch (error) {
      if (error instanceof Found) return error.finding;
      throw error;
    }
  }

  private async page(limit: number): Promise<void> {
    const from = this.checked;
    const leaves = await this.parts.store.leaves(from, limit);
    const events = await this.readEvents(limit);
    const checkpoints = await this.parts.store.checkpoints(this.sealed.timeline, from, from + limit);
    const signed = new Map(checkpoints.map((one) => [one.size, one]));
    let next = 0;
    for (let at = 0; at < limit; at += 1) {
      if (this.checkPair(leaves[at], events[next])) next += 1;
      const checkpoint = signed.get(this.checked);
      if (checkpoint !== undefined) this.checkCheckpoint(checkpoint.note);
      this.holdTo(this.head, 'head-contradicted');
    }
    this.after = leaves.at(-1)?.position ?? this.after;
    await this.checkTiles(this.edge.takeFull());
  }

  /** Reads whole pages; around an event that does not parse, one by one up to it. */
  private async readEvents(limit: number): Promise<readonly StoredEvent[]> {
    try {
      return (await this.parts.events.readAll({ after: this.after, limit })).events;
    } catch (error) {
      if (!(error instanceof CorruptEvent)) throw error;
      const index = (await this.parts.store.leafAtPosition(error.position))?.index ?? this.checked;
      throw new Found('event-unreadable', error.message, index, error.position);
    }
  }

  /** Takes the next leaf; true when it took the event too, false where retention had cut the event off. */
  private checkPair(leaf: StoredLeaf | undefined, event: StoredEvent | undefined): boolean {
    const index = this.checked;
    if (leaf?.index !== index)
      throw new Found('leaf-missing', `leaf ${index} is missing`, index, event?.position ?? null);
    const hash = leafHash(leaf.leaf);
    if (!sameBytes(hash, leaf.hash)) throw new Found('leaf-changed', `leaf ${index} was changed`, index, leaf.position);
    const cut = this.isCut(leaf, event);
    if (!cut) this.checkEvent(leaf, event);
    this.frontier.append(hash);
    this.edge.append(hash);
    return !cut;
  }

  /** Retention takes the beginning of the access log and leaves its leaves; it takes nothing else. */
  private isCut(leaf: StoredLeaf, event: StoredEvent | undefined): boolean {
    const beginning = this.parts.store.log === 'access' && this.revisions.size === 0;
    const told = this.cutTo === undefined || (this.cutTo !== null && leaf.position <= this.cutTo);
    return beginning && told && (event === undefined || event.position > leaf.position);
  }

  private checkEvent(leaf: StoredLeaf, event: StoredEvent | undefined): void {
    const { index, position } = leaf;
    if (event === undefined || event.position > position) {
      throw new Found('event-deleted', `the event at ${position} was deleted`, index, position);
    }
    if (event.position < position) {
      throw new Found('event-added', `the event at ${event.position} was added`, index, event.position);
    }
    if (!sameBytes(encodeLeaf(this.parts.store.log, event), leaf.leaf)) {
      throw new Found('event-changed', `the event at ${position} was changed`, index, position);
    }
    // A break that was acknowledged left its holes behind; only the first timeline has none.
    if (this.sealed.timeline > 1) return;
    this.checkRevision(event, index);
    if (this.parts.events.capabilities.gapless && BigInt(position) !== BigInt(index) + 1n) {
      throw new Found('position-gap', `the log skips a position before ${position}`, index, position);
    }
  }

  private checkRevision(event: StoredEvent, index: number): void {
    const begun = this.revisions.get(event.stream) ?? (this.parts.store.log === 'access' ? event.revision - 1 : -1);
    const expected = begun + 1;
    if (event.revision !== expected) {
      const message = `stream ${event.stream} lacks revision ${expected}`;
      throw new Found('revision-gap', message, index, event.position);
    }
    this.revisions.set(event.stream, event.revision);
  }

  /** Each signed checkpoint on the way narrows down where a rewritten span begins. */
  private checkCheckpoint(text: string): void {
    const size = this.checked;
    const checkpoint = this.openCheckpoint(text);
    if (checkpoint?.size !== size) {
      throw new Found(
        'checkpoint-forged',
        `the stored checkpoint of size ${size} is not ours`,
        size - 1,
        null,
        this.trusted,
      );
    }
    this.holdTo(checkpoint, 'checkpoint-contradicted');
    this.trusted = size;
  }

  private openCheckpoint(text: string): TreeHead | undefined {
    try {
      const note = parseNote(text);
      if (verifiedBy(note, [this.key])?.length !== 1) return undefined;
      const checkpoint = parseCheckpoint(note.text);
      return checkpoint.origin === originOf(this.key.name, this.sealed.timeline) ? checkpoint : undefined;
    } catch (error) {
      if (error instanceof MalformedNote) return undefined;
      throw error;
    }
  }

  private holdTo(head: TreeHead | undefined, kind: FindingKind): void {
    if (head?.size !== this.checked || sameBytes(head.root, this.frontier.root())) return;
    const message = `events ${this.trusted} to ${head.size - 1} are not those that were signed`;
    throw new Found(kind, message, Math.max(0, head.size - 1), null, this.trusted);
  }

  private async finish(): Promise<void> {
    const { head, sealed } = this;
    if (head === undefined && sealed.size > 0) throw new Found('head-missing', 'the signed head is missing', 0, null);
    if (head !== undefined && head.size > sealed.size) {
      throw new Found(
        'head-contradicted',
        `${head.size} events were signed, ${sealed.size} are sealed`,
        sealed.size,
        null,
      );
    }
    await this.checkTiles(this.edge.takeChanged());
  }

  private async checkTiles(tiles: ReturnType<TileEdge['takeFull']>): Promise<void> {
    for (const { level, index, width, hashes } of tiles) {
      const stored = await this.parts.store.tile(level, index);
      if (sameBytes(stored.subarray(0, hashes.length), hashes)) continue;
      const first = index * 256 ** (level + 1);
      const last = Math.min(this.checked, first + width * 256 ** level) - 1;
      throw new Found('tile-changed', `tile ${level}/${index} was changed`, last, null, first);
    }
  }
}

/** Checks a sealed log whole, or a little at a time for ever. */
export class LedgerAudit {
  private scan: LedgerScan | undefined;

  constructor(private readonly parts: AuditParts) {}

  /**
   * Re-reads every sealed event; stops at the first thing that is wrong. Memory grows with the number of streams only. `cutTo`
   * says how far retention has told that it cut the access log, null for not at all; without it any cut is taken for told.
   */
  async verifyLog(onProgress?: (checked: number, size: number) => void, cutTo?: Position | null): Promise<AuditReport> {
    const scan = await LedgerScan.begin(this.parts, cutTo);
    for (;;) {
      const step = await scan.step(PAGE);
      onProgress?.(scan.checked, scan.size);
      if (step !== true) return reportOf(scan, step);
    }
  }

  /** The next `count` events of an endless pass; `ended` tells that a pass ended and the next call begins anew. */
  async auditNext(count: number): Promise<AuditReport & { readonly ended: boolean }> {
    this.scan ??= await LedgerScan.begin(this.parts);
    const { scan } = this;
    const step = await scan.step(count);
    if (step !== true) this.scan = undefined;
    return { ...reportOf(scan, step), ended: step !== true };
  }
}

function reportOf(scan: LedgerScan, step: Finding | boolean): AuditReport {
  const finding = typeof step === 'boolean' ? null : step;
  return { ok: finding === null, checked: scan.checked, size: scan.size, finding };
}
