import fc from 'fast-check';
import {
  EMPTY_ROOT,
  Frontier,
  consistencyPath,
  inclusionPath,
  leafHash,
  nodeHash,
  rangeRoot,
  verifyConsistency,
  verifyInclusion,
} from './merkle.js';
import { TileEdge, nodesOfTiles, openTiles, type Tile } from './tiles.js';

// The leaves and roots that Certificate Transparency implementations share.
const knownLeaves = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const knownRoots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const leaves = Array.from({ length: 600 }, (_, at) => leafHash(Buffer.from(`leaf ${at}`)));

function naiveRoot(hashes: readonly Uint8Array[]): Uint8Array {
  const [first] = hashes;
  if (first === undefined) return EMPTY_ROOT;
  if (hashes.length === 1) return first;
  let split = 1;
  while (split * 2 < hashes.length) split *= 2;
  return nodeHash(naiveRoot(hashes.slice(0, split)), naiveRoot(hashes.slice(split)));
}

function treeOf(
  size: number,
  from: readonly Uint8Array[] = leaves,
): { root: Uint8Array; nodes: ReturnType<typeof nodesOfTiles> } {
  const edge = new TileEdge();
  const frontier = new Frontier();
  for (const hash of from.slice(0, size)) {
    edge.append(hash);
    frontier.append(hash);
  }
  const tiles = new Map(edge.takeChanged().map((tile) => [`${tile.level}/${tile.index}`, tile.hashes]));
  const nodes = nodesOfTiles((level, index) => Promise.resolve(tiles.get(`${level}/${index}`) ?? new Uint8Array()));
  return { root: frontier.root(), nodes };
}

describe('the Merkle tree', () => {
  it('gives the published roots of the published leaves', () => {
    const frontier = new Frontier();
    expect(Buffer.from(frontier.root()).toString('hex')).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    const roots = knownLeaves.map((leaf) => {
      frontier.append(leafHash(Buffer.from(leaf, 'hex')));
      return Buffer.from(frontier.root()).toString('hex');
    });
    expect(roots).toEqual(knownRoots);
  });

  it('has the root of the naive tree at every size', () => {
    const frontier = new Frontier();
    for (let size = 0; size < leaves.length; size += 1) {
      expect(Buffer.compare(frontier.root(), naiveRoot(leaves.slice(0, size)))).toBe(0);
      frontier.append(leaves[size] ?? EMPTY_ROOT);
    }
  });

  it('proves every leaf of every size up to 70, and of sizes beyond one tile', async () => {
    for (const size of [...Array.from({ length: 71 }, (_, at) => at), 255, 256, 257, 511, 512, 513]) {
      const { root, nodes } = treeOf(size);
      expect(Buffer.compare(root, await rangeRoot(0, size, nodes))).toBe(0);
      for (let index = 0; index < size; index += size > 100 ? 17 : 1) {
        const path = await inclusionPath(index, size, nodes);
        const hash = leaves[index] ?? EMPTY_ROOT;
        expect(verifyInclusion(hash, index, size, path, root)).toBe(true);
        expect(verifyInclusion(hash, index + 1, size, path, root)).toBe(false);
        expect(verifyInclusion(hash, index, size, [...path, hash], root)).toBe(false);
        if (path.length > 0) expect(verifyInclusion(hash, index, size, path.slice(1), root)).toBe(false);
      }
    }
  });

  it('proves that every larger tree extends every smaller one', async () => {
    for (let to = 0; to <= 40; to += 1) {
      const { root, nodes } = treeOf(to);
      for (let from = 0; from <= to; from += 1) {
        const older = { size: from, root: treeOf(from).root };
        const path = await consistencyPath(from, to, nodes);
        expect(verifyConsistency(older, { size: to, root }, path)).toBe(true);
        expect(verifyConsistency(older, { size: to, root }, [...path, root])).toBe(false);
        if (from > 0) expect(verifyConsistency({ size: from, root: EMPTY_ROOT }, { size: to, root }, path)).toBe(false);
      }
    }
  });

  it('never proves a leaf that is not there, nor an extension of another history', async () => {
    const sizes = fc.tuple(fc.integer({ min: 2, max: 600 }), fc.nat(), fc.nat());
    await fc.assert(
      fc.asyncProperty(sizes, async ([size, at, other]) => {
        const index = at % size;
        const { root, nodes } = treeOf(size);
        const path = await inclusionPath(index, size, nodes);
        const wrong = leafHash(Buffer.from(`other ${other}`));
        expect(verifyInclusion(leaves[index] ?? wrong, index, size, path, root)).toBe(true);
        expect(verifyInclusion(wrong, index, size, path, root)).toBe(false);
        const from = 1 + (other % (size - 1));
        const changed = leaves.map((hash, place) => (place === from - 1 ? wrong : hash));
        const proof = await consistencyPath(from, size, nodes);
        expect(verifyConsistency({ size: from, root: treeOf(from).root }, { size, root }, proof)).toBe(true);
        expect(verifyConsistency({ size: from, root: treeOf(from, changed).root }, { size, root }, proof)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it('goes on from its stored edge and its open tiles as if it had never stopped', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 600 }), (a, b) => {
        const [stop, end] = a < b ? [a, b] : [b, a];
        const whole = new TileEdge();
        leaves.slice(0, end).forEach((hash) => whole.append(hash));
        const first = new TileEdge();
        leaves.slice(0, stop).forEach((hash) => first.append(hash));
        const stored = new Map<string, Tile>(first.takeChanged().map((tile) => [`${tile.level}/${tile.index}`, tile]));
        const open = openTiles(stop).map(
          ({ level, index, width }): Tile =>
            stored.get(`${level}/${index}`) ?? { level, index, width, hashes: new Uint8Array() },
        );
        const second = new TileEdge(open);
        leaves.slice(stop, end).forEach((hash) => second.append(hash));
        for (const tile of second.takeChanged()) stored.set(`${tile.level}/${tile.index}`, tile);
        const expected = new Map(whole.takeChanged().map((tile) => [`${tile.level}/${tile.index}`, tile]));
        expect([...stored.keys()].sort()).toEqual([...expected.keys()].sort());
        for (const [key, tile] of expected) {
          expect(Buffer.from(stored.get(key)?.hashes ?? []).equals(tile.hashes)).toBe(true);
        }
      }),
      { numRuns: 80 },
    );
  });
});
