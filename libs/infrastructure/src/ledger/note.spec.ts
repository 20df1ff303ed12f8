import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { MalformedLeaf, encodeLeaf, parseLeaf, printLeaf } from './leaf.js';
import {
  MalformedNote,
  ed25519Signer,
  parseCheckpoint,
  parseNote,
  parseVkey,
  printCheckpoint,
  signNote,
  verifiedBy,
} from './note.js';

const keyOf = () => generateKeyPairSync('ed25519').privateKey;
const signer = ed25519Signer('nexus.example/domain', keyOf());
const text = printCheckpoint({ origin: 'nexus.example/domain', size: 7, root: Buffer.alloc(32, 7) });

describe('a signed note', () => {
  it('is signed and read back under several keys', () => {
    const witness = ed25519Signer('witness.example', keyOf());
    const note = parseNote(signNote(text, [signer, witness]));
    expect(note.text).toBe(text);
    const keys = [parseVkey(signer.vkey), parseVkey(witness.vkey)];
    expect(verifiedBy(note, keys)).toEqual(keys);
    expect(parseCheckpoint(note.text)).toEqual({ origin: 'nexus.example/domain', size: 7, root: Buffer.alloc(32, 7) });
  });

  it('verifies the published example of the format', () => {
    const key = parseVkey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
    const note = parseNote(
      "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
        '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n',
    );
    expect(verifiedBy(note, [key])).toEqual([key]);
  });

  it('is refused whole when a known key did not sign this text', () => {
    const note = signNote(text, [signer]);
    const keys = [parseVkey(signer.vkey)];
    expect(verifiedBy(parseNote(note.replace('\n7\n', '\n8\n')), keys)).toBeUndefined();
    const stranger = ed25519Signer('nexus.example/domain', keyOf());
    expect(verifiedBy(parseNote(signNote(text, [stranger])), keys)).toEqual([]);
  });

  it.each([
    ['no signature', text],
    ['a carriage return', signNote(text, [signer]).replace('\n', '\r\n')],
    ['no last newline', signNote(text, [signer]).slice(0, -1)],
    ['a plain dash', signNote(text, [signer]).replace('—', '-')],
    ['text after the signatures', `${signNote(text, [signer])}more\n`],
  ])('is not read with %s', (_, note) => {
    expect(() => parseNote(note)).toThrow(MalformedNote);
  });

  it.each([
    'o\n07\n' + 'A'.repeat(43) + '=\n',
    'o\n7\nAAAA\n',
    `${text}extension\n`,
    '\n7\n',
    'o\n-1\n' + 'A'.repeat(43) + '=\n',
  ])('reads no checkpoint from %j', (bad) => {
    expect(() => parseCheckpoint(bad)).toThrow(MalformedNote);
  });

  it('takes no verifier key whose id is not its own', () => {
    expect(() => parseVkey(signer.vkey.replace('nexus', 'other'))).toThrow(MalformedNote);
    expect(() => parseVkey('a+b')).toThrow(MalformedNote);
  });

  it('signs the same text with the same bytes', () => {
    const pem = keyOf().export({ format: 'pem', type: 'pkcs8' });
    const twice = [1, 2].map(() => signNote(text, [ed25519Signer('a', createPrivateKey(pem))]));
    expect(twice[0]).toBe(twice[1]);
  });
});

describe('a leaf', () => {
  const word = fc.string({ unit: 'grapheme' });
  const leaves = fc.record({
    log: word,
    stream: word,
    revision: fc.maxSafeNat(),
    eventId: word,
    type: word,
    schemaVersion: fc.nat(),
    occurredAt: word,
    dataHash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
    metadataHash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
  });

  it('is read back as it was written, and cut or lengthened not at all', () => {
    fc.assert(
      fc.property(leaves, fc.nat(), (leaf, cut) => {
        const bytes = printLeaf(leaf);
        expect(parseLeaf(bytes)).toEqual(leaf);
        expect(() => parseLeaf(bytes.subarray(0, cut % bytes.length))).toThrow(MalformedLeaf);
        expect(() => parseLeaf(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(MalformedLeaf);
      }),
    );
  });

  it('differs whenever any field differs', () => {
    fc.assert(
      fc.property(leaves, leaves, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        expect(Buffer.from(printLeaf(a)).equals(printLeaf(b))).toBe(same);
      }),
    );
  });

  it('is laid out to the byte as published', () => {
    const leaf = encodeLeaf('domain', {
      id: 'e',
      stream: 's-t.1',
      revision: 258,
      type: 'T',
      schemaVersion: 1,
      metadata: { occurredAt: 'now' },
      raw: { data: '{}', metadata: '{"occurredAt":"now"}' },
    });
    expect(Buffer.from(leaf).toString('hex')).toBe(
      '01' +
        '00000006646f6d61696e' +
        '00000005732d742e31' +
        '000000080000000000000102' +
        '0000000165' +
        '0000000154' +
        '000000080000000000000001' +
        '000000036e6f77' +
        '0000002044136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' +
        '00000020' +
        Buffer.from(parseLeaf(leaf).metadataHash).toString('hex'),
    );
  });
});
