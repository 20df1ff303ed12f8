import { HASH_BYTES, nodeHash, type NodeReader } from './merkle.js';

/** Hashes in a full tile and tree levels it spans (C2SP tlog-tiles). */
export const TILE_WIDTH = 256;
export const TILE_LEVELS = 8;

/** One tile: `width` hashes of tree level 8·level, from hash index·256 on. Partial when the width is below 256. */
export interface Tile {
  readonly level: number;
  readonly index: number;
  readonly width: number;
  readonly hashes: Uint8Array;
}

/** Reads the hashes of a tile as stored (width·32 bytes, at least those of the tree asked for). */
export type TileReader = (level: number, index: number) => Promise<Uint8Array>;

/** Tiles that a reader keeps; enough for a walk along a log, since its higher tiles are few. */
const KEPT_TILES = 512;

/** Reads tree nodes out of tiles; keeps the tiles read last, with the nodes inside them, for the next path. */
export function nodesOfTiles(read: TileReader): NodeReader {
  const kept = new Map<string, Promise<Uint8Array[][]>>();
  return async (level, index) => {
    const tileLevel = Math.floor(level / TILE_LEVELS);
    const inner = level % TILE_LEVELS;
    const perTile = TILE_WIDTH / 2 ** inner;
    const tileIndex = Math.floor(index / perTile);
    const key = `${tileLevel}/${tileIndex}`;
    const tile = kept.get(key) ?? read(tileLevel, tileIndex).then(levelsOf);
    kept.delete(key);
    kept.set(key, tile);
    const [oldest] = kept.keys();
    if (kept.size > KEPT_TILES && oldest !== undefined) kept.delete(oldest);
    const node = (await tile)[inner]?.[index % perTile];
    if (node === undefined) throw new RangeError('the tile is narrower than the tree');
    return node;
  };
}

/** The complete subtrees inside a tile, level by level from its own hashes upwards. */
function levelsOf(tile: Uint8Array): Uint8Array[][] {
  const width = Math.floor(tile.length / HASH_BYTES);
  let nodes = Array.from({ length: width }, (_, at) => tile.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
  const levels = [nodes];
  while (levels.length < TILE_LEVELS) {
    nodes = pairsOf(nodes);
    levels.push(nodes);
  }
  return levels;
}

function pairsOf(nodes: readonly Uint8Array[]): Uint8Array[] {
  const pairs: Uint8Array[] = [];
  for (let at = 0; at + 1 < nodes.length; at += 2) {
    const [left, right] = [nodes[at], nodes[at + 1]];
    if (left !== undefined && right !== undefined) pairs.push(nodeHash(left, right));
  }
  return pairs;
}

function subtreeOf(tile: Uint8Array, first: number, span: number): Uint8Array {
  if (tile.length < (first + span) * HASH_BYTES) throw new RangeError('the tile is narrower than the tree');
  if (span === 1) return tile.subarray(first * HASH_BYTES, (first + 1) * HASH_BYTES);
  return nodeHash(subtreeOf(tile, first, span / 2), subtreeOf(tile, first + span / 2, span / 2));
}

/** The right edge of every tile level; takes leaf hashes in order and gives the tiles that changed. */
export class TileEdge {
  private readonly levels: { index: number; hashes: Uint8Array[] }[] = [];
  private changed = new Map<string, Tile>();

  /** `open` holds the partial tile of each level, level 0 first, as `takeChanged` gave them. */
  constructor(open: readonly Tile[] = []) {
    for (const tile of open) {
      const hashes = Array.from({ length: tile.width }, (_, at) =>
        tile.hashes.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES),
      );
      this.levels[tile.level] = { index: tile.index, hashes };
    }
  }

  append(hash: Uint8Array): void {
    this.appendAt(0, hash);
  }

  /** Tiles that were filled or grew since the last call: the full ones and the newest partial one of each level. */
  takeChanged(): readonly Tile[] {
    this.levels.forEach(({ index, hashes }, level) => {
      if (hashes.length > 0) this.keep({ level, index, width: hashes.length, hashes: Buffer.concat(hashes) });
    });
    const tiles = [...this.changed.values()];
    this.changed = new Map();
    return tiles;
  }

  /** Full tiles since the last call; partial ones stay open. */
  takeFull(): readonly Tile[] {
    const tiles = [...this.changed.values()];
    this.changed = new Map();
    return tiles;
  }

  private appendAt(level: number, hash: Uint8Array): void {
    const at = (this.levels[level] ??= { index: 0, hashes: [] });
    at.hashes.push(hash);
    if (at.hashes.length < TILE_WIDTH) return;
    const hashes = Buffer.concat(at.hashes);
    this.keep({ level, index: at.index, width: TILE_WIDTH, hashes });
    this.levels[level] = { index: at.index + 1, hashes: [] };
    this.appendAt(level + 1, subtreeOf(hashes, 0, TILE_WIDTH));
  }

  private keep(tile: Tile): void {
    this.changed.set(`${tile.level}/${tile.index}`, tile);
  }
}

/** Where the partial tile of each level of a tree of `size` leaves lies; levels whose edge is exactly full are left out. */
export function openTiles(size: number): readonly { level: number; index: number; width: number }[] {
  const open: { level: number; index: number; width: number }[] = [];
  let [level, count] = [0, size];
  while (count > 0) {
    const width = count % TILE_WIDTH;
    open.push({ level, index: Math.floor(count / TILE_WIDTH), width });
    count = Math.floor(count / TILE_WIDTH);
    level += 1;
  }
  return open;
}
