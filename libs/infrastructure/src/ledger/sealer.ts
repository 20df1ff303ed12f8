import { randomUUID } from 'node:crypto';
import type { Database } from '#infra/database/database.js';
import {
  CorruptEvent,
  type EventLog,
  type LogId,
  type Position,
  type StoredEvent,
} from '#infra/event-log/event-log.js';
import type { HeadStore } from './head-store.js';
import { encodeLeaf } from './leaf.js';
import { LedgerStore, SealFenced, type StoredLeaf } from './ledger-store.js';
import { Frontier, leafHash, sameBytes, type TreeHead } from './merkle.js';
import { ed25519Signer, type NoteSigner } from './note.js';
import { LedgerRefused, type Acknowledgement, type Refusal } from './refusal.js';
import { loadSealedTree, noteOf, openHead, originOf, refuser, type SealedTree, type TreeParts } from './sealed-tree.js';
import type { SigningKeyStore } from './signing-key.js';

export interface SealerOptions {
  readonly database: Database;
  readonly events: EventLog;
  readonly keys: SigningKeyStore;
  readonly heads: HeadStore;
  /** Name of the key and origin of the checkpoints, e.g. `rag.example.org/domain`; no tenant, no space, no plus. */
  readonly name: string;
  /** Milliseconds between seals; 1,000 by default. */
  readonly intervalMs?: number;
  /** Most events under one new checkpoint; 1,000 by default. */
  readonly batch?: number;
  /** Called with what a background seal threw; a refusal comes once. */
  readonly onError?: (error: unknown) => void;
}

export interface SealerStatus {
  readonly log: LogId;
  readonly state: 'idle' | 'sealing' | 'standby' | 'refused';
  readonly origin: string;
  readonly vkey: string;
  readonly timeline: number;
  readonly size: number;
  readonly position: Position | null;
  readonly refusal: Refusal | null;
}

const LEASE_MS = 30_000;

/** Grows the Merkle tree over one event log and signs its heads; refuses to sign what contradicts the last signed one. */
export class Sealer {
  readonly store: LedgerStore;
  private tree: SealedTree | undefined;
  private refusal: Refusal | null = null;
  private state: SealerStatus['state'] = 'idle';
  private queue: Promise<unknown> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private readonly holder = randomUUID();
  private readonly parts: TreeParts;

  private constructor(
    private readonly options: SealerOptions,
    private readonly signer: NoteSigner,
  ) {
    this.store = new LedgerStore(options.database, options.events.log);
    this.parts = { events: options.events, heads: options.heads, store: this.store, signer };
  }

  /** Loads the key, or makes it at the first start of all. */
  static async open(options: SealerOptions): Promise<Sealer> {
    return new Sealer(options, ed25519Signer(options.name, await options.keys.load()));
  }

  /** The public key, to be given to auditors by another way than the proofs. */
  get vkey(): string {
    return this.signer.vkey;
  }

  status(): SealerStatus {
    const { timeline, size, position } = this.tree?.sealed ?? { timeline: 1, size: 0, position: null };
    const origin = originOf(this.signer.name, timeline);
    const log = this.store.log;
    return { log, state: this.state, origin, vkey: this.vkey, timeline, size, position, refusal: this.refusal };
  }

  /** Seals in the background until `stop`. */
  start(): void {
    if (this.timer !== undefined) return;
    const round = async (): Promise<void> => {
      await this.sealNow().catch((error: unknown) => this.report(error));
      if (this.timer !== undefined) this.timer = setTimeout(() => void round(), this.options.intervalMs ?? 1_000);
    };
    this.timer = setTimeout(() => void round(), 0);
  }

  /** Stops, and gives the lease back. */
  async stop(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.queue.catch(() => undefined);
    await this.store.release(this.holder);
    this.state = 'idle';
  }

  /** Seals all events that the log holds now; gives the number of leaves. Throws LedgerRefused, also when it did before. */
  sealNow(): Promise<number> {
    return this.inTurn(async () => {
      if (this.refusal !== null) throw new LedgerRefused(this.refusal);
      try {
        return await this.sealAll();
      } catch (error) {
        // What is in memory may be ahead of the database now; the next seal proves the stored tree again.
        this.tree = undefined;
        if (error instanceof LedgerRefused) {
          this.refusal = error.refusal;
          this.state = 'refused';
        }
        throw error;
      }
    });
  }

  /** An operator accepts that history broke: a new timeline, sealed anew from the log as it is. Only when refused. */
  acknowledge(reason: string, actor: string): Promise<Acknowledgement> {
    return this.inTurn(async () => {
      const { refusal } = this;
      if (refusal === null) throw new Error('the ledger has refused nothing');
      const { heads } = this.options;
      const [head, sealed] = [await heads.load(this.store.log), await this.store.sealed()];
      const timeline = Math.max(head?.timeline ?? 1, sealed.timeline) + 1;
      const abandoned = head?.note ?? null;
      // The head goes first: a crash in between leaves a refusal, not a database that opened a timeline by itself.
      if (head !== undefined) await heads.archive(this.store.log, head);
      const empty = noteOf(this.signer, timeline, { size: 0, root: new Frontier().root() });
      await heads.save(this.store.log, { timeline, note: empty });
      await this.store.restart(timeline, { reason, actor, abandoned, refusal: refusal.message });
      this.refusal = null;
      this.state = 'idle';
      return { log: this.store.log, timeline, reason, actor, abandoned, refusal };
    });
  }

  private async sealAll(): Promise<number> {
    const batch = this.options.batch ?? 1_000;
    for (;;) {
      if (!(await this.store.lease(this.holder, LEASE_MS))) {
        this.state = 'standby';
        return this.tree?.sealed.size ?? 0;
      }
      this.state = 'sealing';
      const tree = await this.currentTree();
      const fresh = await this.readFresh(tree, batch);
      if (fresh.length > 0) await this.grow(tree, fresh);
      if (fresh.length < batch) return this.tree?.sealed.size ?? 0;
    }
  }

  private async currentTree(): Promise<SealedTree> {
    const stored = await this.store.sealed();
    const known = this.tree?.sealed;
    if (known?.size !== stored.size || known.timeline !== stored.timeline) this.tree = undefined;
    this.tree ??= await loadSealedTree(this.parts);
    await this.holdToHead(this.tree);
    return this.tree;
  }

  private async holdToHead(tree: SealedTree): Promise<void> {
    const { sealed, frontier } = tree;
    const refuse = refuser(this.parts, sealed.size, frontier.size);
    const head = await this.options.heads.load(this.store.log);
    if (head === undefined) throw refuse('head-missing', 'the signed head is missing', null);
    const signed = openHead(this.parts, head, sealed);
    if (signed.size !== frontier.size || !sameBytes(signed.root, frontier.root())) {
      throw refuse('contradiction', 'the signed head is not of this tree', null);
    }
    const end = await this.options.events.head();
    if (sealed.position !== null && (end === null || end < sealed.position)) {
      throw refuse('log-shorter', 'the event log ends before the last sealed event', sealed.position);
    }
  }

  /** Reads past the seal with one event of overlap, so that a log that changed under the seal is seen at once. */
  private async readFresh(tree: SealedTree, batch: number): Promise<readonly StoredEvent[]> {
    const { last, anchor, sealed } = tree;
    // Retention may have taken the overlapping event of the access log.
    if (last === undefined || this.store.log === 'access') return this.page(sealed.position, batch);
    const [first, ...fresh] = await this.page(anchor, batch + 1);
    if (first === undefined || !sameBytes(encodeLeaf(this.store.log, first), last.leaf)) {
      const refuse = refuser(this.parts, sealed.size, sealed.size);
      throw refuse('log-changed', 'the last sealed event is not in the log as it was sealed', last.position);
    }
    return fresh;
  }

  private async page(after: Position | null, limit: number): Promise<readonly StoredEvent[]> {
    try {
      return (await this.options.events.readAll({ after, limit })).events;
    } catch (error) {
      if (!(error instanceof CorruptEvent)) throw error;
      const size = this.tree?.sealed.size ?? 0;
      throw refuser(this.parts, size, size)('unreadable', error.message, error.position);
    }
  }

  private async grow(tree: SealedTree, events: readonly StoredEvent[]): Promise<void> {
    const { sealed, frontier, edge, store } = { ...tree, store: this.store };
    const leaves = events.map((event, offset): StoredLeaf => {
      const leaf = encodeLeaf(store.log, event);
      return { index: sealed.size + offset, position: event.position, eventId: event.id, leaf, hash: leafHash(leaf) };
    });
    for (const { hash } of leaves) {
      frontier.append(hash);
      edge.append(hash);
    }
    const head: TreeHead = { size: frontier.size, root: frontier.root() };
    const note = noteOf(this.signer, sealed.timeline, head);
    await store.write({ from: sealed, leaves, tiles: edge.takeChanged(), checkpoint: { ...head, note } });
    await this.options.heads.save(store.log, { timeline: sealed.timeline, note });
    const last = leaves.at(-1);
    const anchor = leaves.at(-2)?.position ?? sealed.position;
    this.tree = {
      sealed: { timeline: sealed.timeline, size: head.size, position: last?.position ?? sealed.position },
      frontier,
      edge,
      last,
      anchor,
    };
  }

  private report(error: unknown): void {
    if (error instanceof SealFenced) return;
    if (error instanceof LedgerRefused && error.refusal === this.reported) return;
    if (error instanceof LedgerRefused) this.reported = error.refusal;
    this.options.onError?.(error);
  }

  private reported: Refusal | undefined;

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.queue.then(work, work);
    this.queue = turn.catch(() => undefined);
    return turn;
  }
}
