import { MalformedLogFile } from '#infra/ledger/log-file.js';
import { exportLog } from '#infra/ledger/log-export.js';
import { ImportContradicted, importLog } from '#infra/ledger/log-import.js';
import { openLedgerWorld, textOf, type LedgerWorld } from './support.js';

async function* chunksOf(bytes: Uint8Array, size = 1_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

describe('a log file', () => {
  let source: LedgerWorld;
  let target: LedgerWorld;
  let file: Buffer;

  beforeAll(async () => {
    source = await openLedgerWorld();
    for (let round = 0; round < 8; round += 1) {
      await source.add('things-acme.a', 3);
      await source.add('things-acme.\u2028b', 2);
    }
    await source.sealer.sealNow();
    const checkpoint = await source.proofs.latestCheckpoint();
    file = await textOf(exportLog({ events: source.events, checkpoint, vkey: source.sealer.vkey }));
  });

  afterAll(() => source.close());

  beforeEach(async () => {
    target = await openLedgerWorld();
  });

  afterEach(() => target.close());

  const load = (bytes: Uint8Array) =>
    importLog({ target: target.events, source: chunksOf(bytes), vkey: source.sealer.vkey });

  it('moves a history to another log, where it has the same root', async () => {
    const seen: number[] = [];
    const report = await importLog({
      target: target.events,
      source: chunksOf(file, 7),
      onProgress: (done) => seen.push(done),
    });
    expect(report).toMatchObject({ events: 40, resumedAt: 0 });
    expect(seen.at(-1)).toBe(40);
    await target.sealer.sealNow();
    const roots = await Promise.all(
      [source, target].map(async (world) => (await world.proofs.latestCheckpoint()).root),
    );
    expect(roots[0]).toEqual(roots[1]);
    expect((await target.audit.verifyLog()).ok).toBe(true);
  });

  it('goes on where an import was cut off', async () => {
    const half = file.lastIndexOf('\n', file.length / 2) + 1;
    await expect(load(file.subarray(0, half))).rejects.toThrow(MalformedLogFile);
    const report = await load(file);
    expect(report.events).toBe(40);
    expect(report.resumedAt).toBeGreaterThan(5);
    expect(await load(file)).toMatchObject({ events: 40, resumedAt: 40 });
  });

  it('is not loaded into a log of other events', async () => {
    await target.add('things-acme.other', 1);
    await expect(load(file)).rejects.toThrow(ImportContradicted);
  });

  it('is refused when a byte of it was changed, or another key signed it', async () => {
    const changed = Buffer.from(file.toString('utf8').replace('thing 17', 'thing 71'));
    await expect(load(changed)).rejects.toThrow(MalformedLogFile);
    const trust = { source: chunksOf(file), vkey: target.sealer.vkey };
    await expect(importLog({ target: target.events, ...trust })).rejects.toThrow();
  });
});
