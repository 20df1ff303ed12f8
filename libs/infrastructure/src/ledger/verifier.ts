import { createHash } from 'node:crypto';
import { MalformedLeaf, parseLeaf, sha256, type Leaf } from './leaf.js';
import { leafHash, sameBytes, verifyConsistency, verifyInclusion } from './merkle.js';
import { MalformedNote, parseCheckpoint, parseNote, parseVkey, strictBase64, verifiedBy } from './note.js';
import type { Checkpoint, NoteVerifier } from './note.js';
import { MalformedProof, linesOf, parseProofLine } from './proof-file.js';
import type { ProofConsistency, ProofEvent, ProofHeader, ProofLine } from './proof-file.js';

/** Exit codes of the offline verifier, shared with tools/verify_proof.py. */
export const verdictCodes = {
  ok: 0,
  'bad-signature': 10,
  'not-included': 11,
  'inconsistent-history': 12,
  gap: 13,
  'payload-mismatch': 14,
  incomplete: 15,
  policy: 16,
  malformed: 17,
} as const;

export type VerdictName = keyof typeof verdictCodes;

/** What the caller trusts, learnt elsewhere than from the file. */
export interface VerifyPolicy {
  /** The log's key; without it the file's own key is taken and `pinned` is false. */
  readonly vkey?: string;
  /** A signed checkpoint that the caller holds; the file must prove that its tree extends that one. */
  readonly previousCheckpoint?: string;
  /** Keys of witnesses, of which `quorum` must have signed the checkpoint as well. */
  readonly witnesses?: readonly string[];
  readonly quorum?: number;
}

export interface Verdict {
  readonly verdict: VerdictName;
  readonly code: number;
  readonly message: string;
  readonly log?: string;
  readonly origin?: string;
  readonly size?: number;
  readonly events?: number;
  /** True when the key came from the caller. */
  readonly pinned: boolean;
}

class Refused extends Error {
  readonly verdict: VerdictName;
  constructor(verdict: VerdictName, message: string) {
    super(message);
    this.verdict = verdict;
  }
}

/**
 * Checks a proof file without network, database or server; uses node:crypto only. Never throws for the file's sake:
 * everything that is not proved is a verdict other than `ok`.
 */
export function verifyProofFile(bytes: Uint8Array, policy: VerifyPolicy = {}): Verdict {
  const pinned = policy.vkey !== undefined;
  try {
    return { verdict: 'ok', code: 0, message: 'every event is proved', pinned, ...check(bytes, policy) };
  } catch (error) {
    const verdict = verdictOf(error);
    if (verdict === undefined) throw error;
    return { verdict, code: verdictCodes[verdict], message: (error as Error).message, pinned };
  }
}

function verdictOf(error: unknown): VerdictName | undefined {
  if (error instanceof Refused) return error.verdict;
  if (error instanceof MalformedNote || error instanceof MalformedLeaf) return 'malformed';
  return error instanceof MalformedProof ? 'malformed' : undefined;
}

type Facts = Pick<Verdict, 'log' | 'origin' | 'size' | 'events'>;

function check(bytes: Uint8Array, policy: VerifyPolicy): Facts {
  const lines = numbered(bytes);
  const header = expect(lines, 'nexusrag-proof');
  const note = expect(lines, 'checkpoint').note;
  const key = keyOf(header, policy);
  const checkpoint = openCheckpoint(note, key, header.origin);
  checkWitnesses(note, policy);
  let line = take(lines);
  if (line.kind === 'consistency') {
    checkHistory(line, checkpoint, key, policy, header.origin);
    line = take(lines);
  } else if (policy.previousCheckpoint !== undefined) {
    throw new Refused('incomplete', 'the file does not prove that it extends the checkpoint you hold');
  }
  const contiguity = new Contiguity(header);
  let events = 0;
  for (; line.kind === 'event'; line = take(lines)) {
    contiguity.add(line.index, checkEvent(line, header, checkpoint));
    events += 1;
  }
  if (line.kind !== 'end') throw new MalformedProof('lines out of order');
  if (!lines.next().done) throw new MalformedProof('lines after the end');
  if (line.events !== events || header.events !== events) throw new Refused('incomplete', 'events are missing');
  contiguity.finish();
  checkDigest(bytes, line.sha256);
  return { log: header.log, origin: header.origin, size: checkpoint.size, events };
}

function* numbered(bytes: Uint8Array): Generator<ProofLine> {
  for (const { text } of linesOf(bytes)) yield parseProofLine(text);
}

function take(lines: Generator<ProofLine>): ProofLine {
  const next = lines.next();
  if (next.done === true) throw new Refused('incomplete', 'the file ends early');
  return next.value;
}

function expect<K extends ProofLine['kind']>(lines: Generator<ProofLine>, kind: K): Extract<ProofLine, { kind: K }> {
  const line = take(lines);
  if (line.kind !== kind) throw new MalformedProof(`a ${kind} line is missing`);
  return line as Extract<ProofLine, { kind: K }>;
}

function keyOf(header: ProofHeader, policy: VerifyPolicy): NoteVerifier {
  const own = parseVkey(header.vkey);
  const key = policy.vkey === undefined ? own : parseTrusted(policy.vkey);
  // An acknowledged break of history goes on under `<name>/t<n>`, so that nobody takes two histories for one.
  const suffix = header.origin.startsWith(key.name) ? header.origin.slice(key.name.length) : undefined;
  if (suffix === undefined || !/^(\/t[1-9][0-9]*)?$/.test(suffix)) {
    throw new Refused('policy', `the file speaks of ${header.origin}, the key of ${key.name}`);
  }
  if (policy.vkey !== undefined && policy.vkey !== header.vkey) {
    throw new Refused('bad-signature', 'the file is of another key than the one you trust');
  }
  return key;
}

function parseTrusted(vkey: string): NoteVerifier {
  try {
    return parseVkey(vkey);
  } catch {
    throw new Refused('policy', 'the trusted key cannot be read');
  }
}

function openCheckpoint(text: string, key: NoteVerifier, origin: string): Checkpoint {
  const note = parseNote(text);
  const signers = verifiedBy(note, [key]);
  if (signers === undefined || signers.length === 0)
    throw new Refused('bad-signature', 'the log did not sign this checkpoint');
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.origin !== origin) throw new Refused('policy', 'the checkpoint is of another log');
  return checkpoint;
}

function checkWitnesses(note: string, policy: VerifyPolicy): void {
  const quorum = policy.quorum ?? 0;
  if (quorum === 0) return;
  const found = verifiedBy(parseNote(note), (policy.witnesses ?? []).map(parseTrusted));
  if (found === undefined) throw new Refused('bad-signature', 'a witness signature does not verify');
  const keys = new Set(found.map((witness) => witness.keyId));
  if (keys.size < quorum) throw new Refused('policy', `${keys.size} of ${quorum} witnesses signed`);
}

function checkHistory(
  line: ProofConsistency,
  checkpoint: Checkpoint,
  key: NoteVerifier,
  policy: VerifyPolicy,
  origin: string,
): void {
  const previous = openCheckpoint(line.previous, key, origin);
  if (policy.previousCheckpoint !== undefined) {
    const held = openCheckpoint(policy.previousCheckpoint, key, origin);
    if (held.size !== previous.size) throw new Refused('incomplete', 'the file extends another checkpoint than yours');
    if (!sameBytes(held.root, previous.root)) throw new Refused('inconsistent-history', 'two roots for one size');
  }
  const sizes = line.from === previous.size && line.to === checkpoint.size;
  if (!sizes || !verifyConsistency(previous, checkpoint, line.path.map(hashOf))) {
    throw new Refused('inconsistent-history', 'the tree does not extend the earlier checkpoint');
  }
}

function checkEvent(event: ProofEvent, header: ProofHeader, checkpoint: Checkpoint): Leaf {
  const bytes = strictBase64(event.leaf);
  if (!verifyInclusion(leafHash(bytes), event.index, checkpoint.size, event.path.map(hashOf), checkpoint.root)) {
    throw new Refused('not-included', `event ${event.index} is not in the signed tree`);
  }
  const leaf = parseLeaf(bytes);
  if (leaf.log !== header.log) throw new Refused('policy', `event ${event.index} is of another log`);
  const hashes = sameBytes(leaf.dataHash, sha256(event.data)) && sameBytes(leaf.metadataHash, sha256(event.metadata));
  if (!hashes || occurredAtOf(event.metadata) !== leaf.occurredAt) {
    throw new Refused('payload-mismatch', `the content of event ${event.index} is not what was sealed`);
  }
  return leaf;
}

function occurredAtOf(metadata: string): unknown {
  try {
    const value: unknown = JSON.parse(metadata);
    return typeof value === 'object' && value !== null && 'occurredAt' in value ? value.occurredAt : undefined;
  } catch {
    return undefined;
  }
}

/** Holds a file to its claim: indices rise; a span has no hole and ends where it says. */
class Contiguity {
  private readonly header: ProofHeader;
  private lastIndex = -1;
  private next: number;

  constructor(header: ProofHeader) {
    this.header = header;
    this.next = header.claim.kind === 'events' ? 0 : header.claim.from;
  }

  add(index: number, leaf: Leaf): void {
    if (index <= this.lastIndex) throw new Refused('gap', 'events out of order');
    this.lastIndex = index;
    const { claim } = this.header;
    if (claim.kind === 'events') return;
    if (claim.kind === 'stream' && leaf.stream !== claim.stream)
      throw new Refused('policy', 'an event of another stream');
    const place = claim.kind === 'stream' ? leaf.revision : index;
    if (place !== this.next) throw new Refused('gap', `${claim.kind} place ${this.next} is missing before ${place}`);
    this.next += 1;
  }

  finish(): void {
    const { claim } = this.header;
    if (claim.kind !== 'events' && this.next !== claim.to + 1) {
      throw new Refused('incomplete', `the ${claim.kind} ends at ${this.next - 1}, not at ${claim.to}`);
    }
  }
}

function hashOf(text: string): Uint8Array {
  return strictBase64(text);
}

function checkDigest(bytes: Uint8Array, expected: string): void {
  const lastLine = bytes.lastIndexOf(0x0a, bytes.length - 2) + 1;
  if (createHash('sha256').update(bytes.subarray(0, lastLine)).digest('hex') !== expected) {
    throw new MalformedProof('the digest of the file is wrong');
  }
}
