import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verdictCodes, verifyProofFile } from '#infra/ledger/verifier.js';
import { proofVectors, type ProofVector } from './proof-vectors.js';

const vectorFile = 'test/ledger/vectors/proofs.json';
const python = spawnSync('python3', ['--version']).status === 0;
if (!python) process.stderr.write('python3 is not installed: the second verifier is not compared\n');

/** Runs every vector through the Python verifier in one process. */
const driver = `
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location('verify_proof', 'tools/verify_proof.py')
module = importlib.util.module_from_spec(spec); sys.dont_write_bytecode = True; spec.loader.exec_module(module)
print(json.dumps([module.verify(bytes.fromhex(v['hex']), vkey=v.get('vkey'), previous=v.get('previousCheckpoint'))['verdict']
                  for v in json.load(sys.stdin)]))
`;

function verdictsOfPython(
  cases: readonly (Omit<ProofVector, 'file' | 'name' | 'verdict'> & { hex: string })[],
): string[] {
  const run = spawnSync('python3', ['-c', driver], { input: JSON.stringify(cases), encoding: 'utf8', maxBuffer: 1e8 });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout) as string[];
}

const bytesOf = (vector: ProofVector): Buffer => Buffer.from(vector.file, 'utf8');
const hexOf = (vector: ProofVector) => ({ ...vector, hex: bytesOf(vector).toString('hex') });

describe('the offline verifier', () => {
  let vectors: readonly ProofVector[];

  beforeAll(async () => {
    vectors = JSON.parse(await readFile(vectorFile, 'utf8')) as ProofVector[];
  });

  it('publishes exactly the vectors that this code makes', async () => {
    expect(await proofVectors()).toEqual(vectors);
    expect(new Set(vectors.map((vector) => vector.verdict))).toEqual(new Set(Object.keys(verdictCodes)));
  });

  it('gives every vector its verdict', () => {
    const given = vectors.map(({ file, verdict: _, name, ...trust }) => [
      name,
      verifyProofFile(Buffer.from(file), trust).verdict,
    ]);
    expect(given).toEqual(vectors.map(({ name, verdict }) => [name, verdict]));
  });

  it('refuses the file with any one of its bytes flipped', () => {
    const [whole] = vectors;
    if (whole === undefined) throw new Error('no vectors');
    const { vkey = '', previousCheckpoint = '' } = whole;
    const bytes = bytesOf(whole);
    const accepted: number[] = [];
    for (let at = 0; at < bytes.length; at += 1) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      const { code } = verifyProofFile(flipped, { vkey, previousCheckpoint });
      if (code === 0) accepted.push(at);
    }
    expect(accepted).toEqual([]);
  });

  (python ? it : it.skip)('agrees with the Python verifier on every vector and on flipped bytes', () => {
    expect(verdictsOfPython(vectors.map(hexOf))).toEqual(vectors.map((vector) => vector.verdict));
    const [whole] = vectors;
    if (whole === undefined) throw new Error('no vectors');
    const bytes = bytesOf(whole);
    const { vkey = '', previousCheckpoint = '' } = whole;
    const flips = Array.from({ length: Math.ceil(bytes.length / 29) }, (_, step) => {
      const flipped = Buffer.from(bytes);
      flipped[step * 29] = (flipped[step * 29] ?? 0) ^ (1 << (step % 8));
      return flipped;
    });
    const ours = flips.map((flipped) => verifyProofFile(flipped, { vkey, previousCheckpoint }).verdict);
    expect(
      verdictsOfPython(flips.map((flipped) => ({ hex: flipped.toString('hex'), vkey, previousCheckpoint }))),
    ).toEqual(ours);
  });

  (python ? it : it.skip)('has a Python twin that exits with the code of its verdict', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'proof-'));
    const codes = await Promise.all(
      vectors.slice(0, 6).map(async ({ file, vkey, previousCheckpoint }, at) => {
        const path = join(folder, `${at}.ndjson`);
        await writeFile(path, file);
        await writeFile(`${path}.previous`, previousCheckpoint ?? '');
        const trust = vkey === undefined ? [] : ['--vkey', vkey];
        const before = previousCheckpoint === undefined ? [] : ['--previous', `${path}.previous`];
        return spawnSync('python3', ['-B', 'tools/verify_proof.py', path, ...trust, ...before]).status;
      }),
    );
    expect(codes).toEqual(vectors.slice(0, 6).map((vector) => verdictCodes[vector.verdict]));
    await rm(folder, { recursive: true });
  });
});
