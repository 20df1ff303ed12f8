import { createPrivateKey } from 'node:crypto';
import { encodeLeaf, type LeafSource } from '#infra/ledger/leaf.js';
import { Frontier, consistencyPath, inclusionPath, leafHash, type NodeReader } from '#infra/ledger/merkle.js';
import { ed25519Signer } from '#infra/ledger/note.js';
import { ProofPrinter, type Claim, type ProofEvent } from '#infra/ledger/proof-file.js';
import { noteOf } from '#infra/ledger/sealed-tree.js';
import { TileEdge, nodesOfTiles } from '#infra/ledger/tiles.js';
import type { VerdictName } from '#infra/ledger/verifier.js';

/** One case of test/ledger/vectors/proofs.json: a file, what the reader trusts, and the verdict. */
export interface ProofVector {
  readonly name: string;
  readonly file: string;
  readonly vkey?: string;
  readonly previousCheckpoint?: string;
  readonly verdict: VerdictName;
}

// The private key of these vectors is published: 32 bytes of 0x2a, for tests only.
const keyOf = (byte: number) =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, byte)]),
    format: 'der',
    type: 'pkcs8',
  });

export const signer = ed25519Signer('rag.example.org/domain', keyOf(0x2a));
const stranger = ed25519Signer('rag.example.org/domain', keyOf(0x2b));

const sources = Array.from({ length: 11 }, (_, at): LeafSource => {
  const metadata = { occurredAt: `2026-01-02T03:04:05.${String(at).padStart(3, '0')}Z`, tenantId: 'acme' };
  return {
    id: `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`,
    stream: `things-acme.${at % 2}`,
    revision: Math.floor(at / 2),
    type: 'ThingHappened',
    schemaVersion: 1,
    metadata,
    raw: { data: JSON.stringify({ note: 'héllo – \u2028"quoted"', number: at }), metadata: JSON.stringify(metadata) },
  };
});

interface Tree {
  readonly note: string;
  readonly nodes: NodeReader;
}

function treeOf(size: number): Tree {
  const [frontier, edge] = [new Frontier(), new TileEdge()];
  for (const source of sources.slice(0, size)) {
    const hash = leafHash(encodeLeaf('domain', source));
    frontier.append(hash);
    edge.append(hash);
  }
  const tiles = new Map(edge.takeChanged().map((tile) => [`${tile.level}/${tile.index}`, tile.hashes]));
  const nodes = nodesOfTiles((level, index) => Promise.resolve(tiles.get(`${level}/${index}`) ?? new Uint8Array()));
  return { note: noteOf(signer, 1, { size, root: frontier.root() }), nodes };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

async function eventAt(index: number, tree: Tree): Promise<ProofEvent> {
  const source = sources[index];
  if (source === undefined) throw new RangeError(`no event ${index}`);
  const path = (await inclusionPath(index, sources.length, tree.nodes)).map(base64);
  return {
    index,
    leaf: base64(encodeLeaf('domain', source)),
    data: source.raw.data,
    metadata: source.raw.metadata,
    path,
  };
}

interface Plan {
  readonly claim: Claim;
  readonly indices: readonly number[];
  readonly previous?: number;
  readonly change?: (event: ProofEvent) => ProofEvent;
}

async function fileOf({ claim, indices, previous, change = (event) => event }: Plan): Promise<string> {
  const tree = treeOf(sources.length);
  const printer = new ProofPrinter();
  const header = { log: 'domain', origin: signer.name, vkey: signer.vkey, claim, events: indices.length };
  const lines = [printer.header(header), printer.checkpoint(tree.note)];
  if (previous !== undefined) {
    const path = (await consistencyPath(previous, sources.length, tree.nodes)).map(base64);
    lines.push(printer.consistency({ from: previous, to: sources.length, path, previous: treeOf(previous).note }));
  }
  for (const index of indices) lines.push(printer.event(change(await eventAt(index, tree))));
  return [...lines, printer.end()].join('');
}

/** All vectors, made anew; the committed file holds exactly these. */
export async function proofVectors(): Promise<ProofVector[]> {
  const { vkey } = signer;
  const stream: Claim = { kind: 'stream', stream: 'things-acme.0', from: 0, to: 5 };
  const some: Plan = { claim: { kind: 'events' }, indices: [2, 7, 10] };
  const good = await fileOf({ claim: stream, indices: [0, 2, 4, 6, 8, 10], previous: 6 });
  const plain = await fileOf(some);
  const older = treeOf(6).note;
  const forked = noteOf(signer, 1, { size: 6, root: Buffer.alloc(32, 1) });
  const unsigned = plain.replaceAll(vkey, stranger.vkey);
  return [
    {
      name: 'a whole stream that extends an earlier checkpoint',
      file: good,
      vkey,
      previousCheckpoint: older,
      verdict: 'ok',
    },
    { name: 'some events, under the key of the file', file: plain, verdict: 'ok' },
    {
      name: 'a span of the log',
      file: await fileOf({ claim: { kind: 'range', from: 3, to: 5 }, indices: [3, 4, 5] }),
      vkey,
      verdict: 'ok',
    },
    { name: 'no events', file: await fileOf({ claim: { kind: 'events' }, indices: [] }), vkey, verdict: 'ok' },
    { name: 'another key than the trusted one', file: plain, vkey: stranger.vkey, verdict: 'bad-signature' },
    { name: 'a checkpoint that the key did not sign', file: unsigned, verdict: 'bad-signature' },
    {
      name: 'a path of another event',
      file: await fileOf({ ...some, change: (e) => ({ ...e, index: e.index - 1 }) }),
      vkey,
      verdict: 'not-included',
    },
    { name: 'a fork before this tree', file: good, vkey, previousCheckpoint: forked, verdict: 'inconsistent-history' },
    {
      name: 'a hole in a stream',
      file: await fileOf({ claim: stream, indices: [0, 2, 6, 8, 10] }),
      vkey,
      verdict: 'gap',
    },
    {
      name: 'a stream that starts late',
      file: await fileOf({ claim: stream, indices: [2, 4, 6, 8, 10] }),
      vkey,
      verdict: 'gap',
    },
    {
      name: 'changed data',
      file: await fileOf({ ...some, change: (e) => ({ ...e, data: e.data.replace('h', 'H') }) }),
      vkey,
      verdict: 'payload-mismatch',
    },
    {
      name: 'changed metadata',
      file: await fileOf({ ...some, change: (e) => ({ ...e, metadata: e.metadata.replace('acme', 'evil') }) }),
      vkey,
      verdict: 'payload-mismatch',
    },
    {
      name: 'a stream that ends early',
      file: await fileOf({ claim: stream, indices: [0, 2, 4] }),
      vkey,
      verdict: 'incomplete',
    },
    {
      name: 'no end',
      file: plain.slice(0, plain.lastIndexOf('\n', plain.length - 2) + 1),
      vkey,
      verdict: 'incomplete',
    },
    {
      name: 'no proof of extension where one is asked for',
      file: plain,
      vkey,
      previousCheckpoint: older,
      verdict: 'incomplete',
    },
    {
      name: 'an event of another stream',
      file: await fileOf({ claim: stream, indices: [0, 1] }),
      vkey,
      verdict: 'policy',
    },
    {
      name: 'another log than the key is for',
      file: plain.replace('"origin":"rag.', '"origin":"rug.'),
      vkey,
      verdict: 'policy',
    },
    {
      name: 'an unknown field',
      file: plain.replace('"version":1', '"version":1,"more":1'),
      vkey,
      verdict: 'malformed',
    },
    { name: 'an unknown version', file: plain.replace('"version":1', '"version":2'), vkey, verdict: 'malformed' },
    { name: 'an unknown line', file: `${plain}{"kind":"more"}\n`, vkey, verdict: 'malformed' },
    { name: 'another spelling', file: plain.replace('"index":2', '"index": 2'), vkey, verdict: 'malformed' },
    { name: 'a wrong digest', file: plain.replace(/"sha256":"./, '"sha256":"x'), vkey, verdict: 'malformed' },
    { name: 'nothing', file: '', vkey, verdict: 'incomplete' },
  ];
}
