import type { EventLog, Position } from '#infra/event-log/event-log.js';
import type { HeadStore, SignedHead } from './head-store.js';
import { encodeLeaf } from './leaf.js';
import type { LedgerStore, Sealed, StoredLeaf } from './ledger-store.js';
import { Frontier, leafHash, sameBytes, type TreeHead } from './merkle.js';
import {
  parseCheckpoint,
  parseNote,
  parseVkey,
  printCheckpoint,
  signNote,
  verifiedBy,
  type NoteSigner,
} from './note.js';
import { LedgerRefused, type RefusalKind } from './refusal.js';
import { nodesOfTiles, TILE_WIDTH, TileEdge } from './tiles.js';

const PAGE = 2_000;

/** The tree as proved against the last signed head, ready to grow. */
export interface SealedTree {
  readonly sealed: Sealed;
  readonly frontier: Frontier;
  readonly edge: TileEdge;
  readonly last: StoredLeaf | undefined;
  /** Place of the leaf before the last, from which the next read overlaps one event; null at the beginning. */
  readonly anchor: Position | null;
}

export interface TreeParts {
  readonly events: EventLog;
  readonly store: LedgerStore;
  readonly heads: HeadStore;
  readonly signer: NoteSigner;
}

/** Origin of a log's checkpoints: the signer's name, with the timeline behind it after an acknowledged break. */
export function originOf(name: string, timeline: number): string {
  return timeline === 1 ? name : `${name}/t${timeline}`;
}

/** The signed checkpoint of a tree head; the same bytes each time, since Ed25519 is deterministic. */
export function noteOf(signer: NoteSigner, timeline: number, head: TreeHead): string {
  return signNote(printCheckpoint({ origin: originOf(signer.name, timeline), ...head }), [signer]);
}

/**
 * Reads every stored leaf, hashes it anew and holds the tree against the signed head. Throws LedgerRefused when the
 * database is shorter than the head or contradicts it. Leaves past the head (a crash after the transaction) are taken
 * only when the event log still gives the very same.
 */
export async function loadSealedTree(parts: TreeParts): Promise<SealedTree> {
  const { store, heads } = parts;
  const sealed = await store.sealed();
  const head = (await heads.load(store.log)) ?? (await firstHead(parts, sealed));
  const signed = openHead(parts, head, sealed);
  const refuse = refuser(parts, signed.size, sealed.size);
  if (sealed.size < signed.size) throw refuse('shorter', 'the database holds fewer events than were signed', null);
  const tree = await readTree(parts, sealed, signed, refuse);
  if (sealed.size > signed.size) {
    const note = noteOf(parts.signer, sealed.timeline, { size: sealed.size, root: tree.frontier.root() });
    await heads.save(store.log, { timeline: sealed.timeline, note });
  }
  return tree;
}

/** The signed head as a tree head; throws LedgerRefused when another key signed it, or for another timeline. */
export function openHead({ signer, store }: TreeParts, head: SignedHead, sealed: Sealed): TreeHead {
  const note = parseNote(head.note);
  const checkpoint = parseCheckpoint(note.text);
  const refuse = refuser({ store }, checkpoint.size, sealed.size);
  const signers = verifiedBy(note, [parseVkey(signer.vkey)]);
  if (signers?.length !== 1 || checkpoint.origin !== originOf(signer.name, head.timeline)) {
    throw refuse('head-foreign', 'the signed head is not of this key', null);
  }
  if (head.timeline !== sealed.timeline) throw refuse('timeline', 'head and database are of different timelines', null);
  return checkpoint;
}

type Refuse = (kind: RefusalKind, message: string, position: Position | null) => LedgerRefused;

export function refuser({ store }: Pick<TreeParts, 'store'>, signedSize: number, foundSize: number): Refuse {
  return (kind, message, position) =>
    new LedgerRefused({ kind, log: store.log, message, signedSize, foundSize, position });
}

/** Only a ledger that never sealed anything may begin without a head; else deleting the file would be the way round. */
async function firstHead(parts: TreeParts, sealed: Sealed): Promise<SignedHead> {
  const { store, heads, signer } = parts;
  const virgin = sealed.size === 0 && sealed.timeline === 1 && (await store.latestCheckpoint()) === undefined;
  if (!virgin) throw refuser(parts, 0, sealed.size)('head-missing', 'the signed head is missing', null);
  const head = { timeline: 1, note: noteOf(signer, 1, { size: 0, root: new Frontier().root() }) };
  await heads.save(store.log, head);
  return head;
}

async function readTree(parts: TreeParts, sealed: Sealed, signed: TreeHead, refuse: Refuse): Promise<SealedTree> {
  const begun = await begin(parts, Math.min(signed.size, sealed.size));
  const { frontier, edge } = begun;
  let { last, anchor } = begun;
  const holdToHead = (): void => {
    if (frontier.size !== signed.size || sameBytes(frontier.root(), signed.root)) return;
    throw refuse('contradiction', 'the stored leaves give another root than was signed', null);
  };
  holdToHead();
  while (frontier.size < sealed.size) {
    const page = await parts.store.leaves(frontier.size, Math.min(PAGE, sealed.size - frontier.size));
    if (page.length === 0) throw refuse('shorter', `leaf ${frontier.size} is missing`, null);
    for (const leaf of page) {
      const hash = hashAt(leaf, frontier.size, refuse);
      if (leaf.index >= signed.size) await holdToLog(parts, leaf, last?.position ?? null, refuse);
      frontier.append(hash);
      edge.append(hash);
      anchor = last?.position ?? null;
      last = leaf;
      holdToHead();
    }
    edge.takeFull();
  }
  return { sealed, frontier, edge, last, anchor };
}

/**
 * Where the reading of the leaves begins. The access log has too many to hash them all at each start: what is below its last
 * full tile is taken from the tiles, which the root of the signed head proves as well. Whether the leaves are as those say is
 * the audit's work.
 */
async function begin({ store }: TreeParts, signedSize: number): Promise<Omit<SealedTree, 'sealed'>> {
  const size = store.log === 'access' ? signedSize - (signedSize % TILE_WIDTH) : 0;
  const nodes = nodesOfTiles((level, index) => store.tile(level, index));
  const hashes: Uint8Array[] = [];
  let start = 0;
  for (let level = Math.floor(Math.log2(Math.max(1, size))); level >= 0; level -= 1) {
    if (size - start < 2 ** level) continue;
    hashes.push(await nodes(level, start / 2 ** level));
    start += 2 ** level;
  }
  const [before, last] = size === 0 ? [] : await store.leaves(size - 2, 2);
  const edge = new TileEdge(await store.openTiles(size));
  return { frontier: new Frontier(size, hashes), edge, last, anchor: before?.position ?? null };
}

function hashAt(leaf: StoredLeaf, index: number, refuse: Refuse): Uint8Array {
  const hash = leafHash(leaf.leaf);
  if (leaf.index === index && sameBytes(hash, leaf.hash)) return hash;
  throw refuse('contradiction', `leaf ${index} is not as it was sealed`, leaf.position);
}

async function holdToLog(parts: TreeParts, leaf: StoredLeaf, after: Position | null, refuse: Refuse): Promise<void> {
  const { events } = await parts.events.readAll({ after, limit: 1 });
  const event = events[0];
  if (
    event === undefined ||
    event.position !== leaf.position ||
    !sameBytes(encodeLeaf(parts.store.log, event), leaf.leaf)
  ) {
    throw refuse('log-changed', 'the event log differs from a leaf that was not signed yet', leaf.position);
  }
}
