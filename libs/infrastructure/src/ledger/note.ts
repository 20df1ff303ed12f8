import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import type { TreeHead } from './merkle.js';

/** Signature type byte of Ed25519 in key ids and vkeys (C2SP signed-note). */
export const ED25519 = 0x01;

/** The text is no signed note, checkpoint or vkey. */
export class MalformedNote extends Error {
  constructor(message: string) {
    super(`malformed note: ${message}`);
    this.name = 'MalformedNote';
  }
}

export interface NoteSignature {
  readonly name: string;
  /** First 4 bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key), lower-case hex. */
  readonly keyId: string;
  readonly signature: Uint8Array;
}

export interface SignedNote {
  /** The signed text, its last newline included. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Signs note texts under one key. */
export interface NoteSigner {
  readonly name: string;
  readonly keyId: string;
  readonly vkey: string;
  sign(text: Uint8Array): Uint8Array;
}

/** Checks signatures of one key. */
export interface NoteVerifier {
  readonly name: string;
  readonly keyId: string;
  verify(text: Uint8Array, signature: Uint8Array): boolean;
}

/** A signature algorithm: checks with the raw public key of a vkey. Throws MalformedNote on a key it cannot read. */
export type NoteAlgorithm = (publicKey: Uint8Array) => (text: Uint8Array, signature: Uint8Array) => boolean;

const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** Algorithms by type byte; pass another table to accept more. */
export const noteAlgorithms: Readonly<Record<number, NoteAlgorithm>> = {
  [ED25519]: (publicKey) => {
    if (publicKey.length !== 32) throw new MalformedNote('an Ed25519 key has 32 bytes');
    const der = Buffer.concat([spkiPrefix, publicKey]);
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    return (text, signature) => signature.length === 64 && verify(null, text, key, signature);
  },
};

/** A signer with an Ed25519 private key. The name has no space and no `+`. */
export function ed25519Signer(name: string, privateKey: KeyObject): NoteSigner {
  checkName(name);
  const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const key = Buffer.concat([Buffer.of(ED25519), der.subarray(-32)]);
  const keyId = keyIdOf(name, key);
  return {
    name,
    keyId,
    vkey: `${name}+${keyId}+${key.toString('base64')}`,
    sign: (text) => sign(null, text, privateKey),
  };
}

/** Reads `<name>+<key id hex>+<base64(type ‖ key)>`; throws MalformedNote, also when the id is not that of the key. */
export function parseVkey(vkey: string, algorithms = noteAlgorithms): NoteVerifier {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(vkey);
  const [, name = '', keyId = '', encoded = ''] = match ?? [];
  if (match === null) throw new MalformedNote('not a verifier key');
  const key = strictBase64(encoded);
  if (keyIdOf(name, key) !== keyId) throw new MalformedNote('the key id is not that of the key');
  const algorithm = algorithms[key[0] ?? -1];
  if (algorithm === undefined) throw new MalformedNote('unknown signature algorithm');
  return { name, keyId, verify: algorithm(key.subarray(1)) };
}

/** The note of a text that ends in a newline, signed by each signer in turn. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!text.endsWith('\n')) throw new MalformedNote('a note ends in a newline');
  const bytes = Buffer.from(text, 'utf8');
  const lines = signers.map((signer) => {
    const blob = Buffer.concat([Buffer.from(signer.keyId, 'hex'), signer.sign(bytes)]);
    return `— ${signer.name} ${blob.toString('base64')}\n`;
  });
  return `${text}\n${lines.join('')}`;
}

/** Splits a signed note strictly (C2SP signed-note); verifies nothing. */
export function parseNote(note: string): SignedNote {
  if (!note.isWellFormed() || [...note].some((letter) => letter < ' ' && letter !== '\n')) {
    throw new MalformedNote('control characters');
  }
  const split = note.lastIndexOf('\n\n');
  if (split < 0 || !note.endsWith('\n')) throw new MalformedNote('no signatures');
  const lines = note.slice(split + 2, -1).split('\n');
  if (lines.length > 100) throw new MalformedNote('too many signatures');
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const match = /^— ([^\s+]+) ([A-Za-z0-9+/]+=*)$/.exec(line);
  if (match === null) throw new MalformedNote('not a signature line');
  const [, name = '', encoded = ''] = match;
  const blob = strictBase64(encoded);
  if (blob.length < 5) throw new MalformedNote('a signature is too short');
  return { name, keyId: blob.subarray(0, 4).toString('hex'), signature: blob.subarray(4) };
}

/**
 * The verifiers, out of those given, that signed the note. Signatures of other keys are ignored, as the format asks;
 * a signature of a given key that does not verify makes the whole note invalid (undefined).
 */
export function verifiedBy(note: SignedNote, verifiers: readonly NoteVerifier[]): readonly NoteVerifier[] | undefined {
  const text = Buffer.from(note.text, 'utf8');
  const found = new Set<NoteVerifier>();
  for (const { name, keyId, signature } of note.signatures) {
    const verifier = verifiers.find((one) => one.name === name && one.keyId === keyId);
    if (verifier === undefined) continue;
    if (!verifier.verify(text, signature)) return undefined;
    found.add(verifier);
  }
  return [...found];
}

/** A checkpoint's content: whose tree, how many leaves, which root. */
export interface Checkpoint extends TreeHead {
  readonly origin: string;
}

/** Text of a checkpoint (C2SP tlog-checkpoint) without extension lines. */
export function printCheckpoint(checkpoint: Checkpoint): string {
  return `${checkpoint.origin}\n${checkpoint.size}\n${Buffer.from(checkpoint.root).toString('base64')}\n`;
}

/** Reads a checkpoint text strictly; extension lines are refused, since we never write any. */
export function parseCheckpoint(text: string): Checkpoint {
  const match = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n$/.exec(text);
  if (match === null) throw new MalformedNote('not a checkpoint');
  const [, origin = '', digits = '', encoded = ''] = match;
  const size = Number(digits);
  if (!Number.isSafeInteger(size)) throw new MalformedNote('the tree size is too large');
  return { origin, size, root: strictBase64(encoded) };
}

/** Decodes standard base64 with padding and nothing else; throws MalformedNote. */
export function strictBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new MalformedNote('not base64');
  return bytes;
}

function keyIdOf(name: string, key: Uint8Array): string {
  return createHash('sha256').update(`${name}\n`).update(key).digest('hex').slice(0, 8);
}

function checkName(name: string): void {
  if (!/^[^\s+]+$/.test(name)) throw new MalformedNote('a key name has no space and no +');
}
