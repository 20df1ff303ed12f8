import { readFile } from 'node:fs/promises';
import { encodeLeaf, type LeafSource } from '#infra/ledger/leaf.js';
import { Frontier, leafHash } from '#infra/ledger/merkle.js';

interface LeafVector {
  readonly event: LeafSource;
  readonly leaf: string;
  readonly hash: string;
  readonly root: string;
}

const vectorFile = 'test/ledger/vectors/leaves.json';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function vectors(): LeafVector[] {
  const tree = new Frontier();
  return Array.from({ length: 9 }, (_, at) => {
    const metadata = { occurredAt: `2026-01-02T03:04:05.00${at}Z` };
    const event: LeafSource = {
      id: `00000000-0000-4000-8000-00000000000${at}`,
      stream: `things-acme.${at % 3}`,
      revision: Math.floor(at / 3),
      type: 'ThingHappened',
      schemaVersion: 1 + (at % 2),
      metadata,
      raw: { data: JSON.stringify({ name: `thing № ${at}` }), metadata: JSON.stringify(metadata) },
    };
    const leaf = encodeLeaf('domain', event);
    tree.append(leafHash(leaf));
    return { event, leaf: hex(leaf), hash: hex(leafHash(leaf)), root: hex(tree.root()) };
  });
}

it('leaves, hashes and roots are those that were published', async () => {
  expect(vectors()).toEqual(JSON.parse(await readFile(vectorFile, 'utf8')));
});
