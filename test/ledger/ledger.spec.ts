import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeLeaf } from '#infra/ledger/leaf.js';
import { Frontier, leafHash } from '#infra/ledger/merkle.js';
import { parseCheckpoint, parseNote, strictBase64 } from '#infra/ledger/note.js';
import { verifyInclusion } from '#infra/ledger/merkle.js';
import { LedgerRefused, type RefusalKind } from '#infra/ledger/refusal.js';
import { noteOf } from '#infra/ledger/sealed-tree.js';
import { ed25519Signer } from '#infra/ledger/note.js';
import { FileSigningKey } from '#infra/ledger/signing-key.js';
import type { Sealer } from '#infra/ledger/sealer.js';
import { verifyProofFile } from '#infra/ledger/verifier.js';
import { ledgerName, openLedgerWorld, tamper, textOf, type LedgerWorld } from './support.js';

const positionOf = (ordinal: number): string => String(ordinal).padStart(20, '0');

async function refusalOf(sealing: Promise<unknown>): Promise<RefusalKind | undefined> {
  const error: unknown = await sealing.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof LedgerRefused) return error.refusal.kind;
  if (error !== undefined) throw error as Error;
  return undefined;
}

/** Rewrites event 7 and then everything in the database that follows from it, except what needs the signing key. */
async function rewriteHistory(world: LedgerWorld): Promise<void> {
  await tamper(world, `update log.event set data = '{"number":7,"name":"forged"}' where position = 7`);
  const { events } = await world.events.readAll({ after: null, limit: 1_000 });
  const frontier = new Frontier();
  for (const [index, event] of events.entries()) {
    const leaf = encodeLeaf('domain', event);
    frontier.append(leafHash(leaf));
    await tamper(world, 'update ledger.leaf set leaf = $1, hash = $2 where idx = $3', [leaf, leafHash(leaf), index]);
    if (index === 6) {
      const { rows } = { rows: await world.sealer.store.tile(0, 0) };
      const forged = Buffer.from(rows);
      forged.set(leafHash(leaf), 6 * 32);
      await tamper(world, 'update ledger.tile set hashes = $1 where level = 0 and idx = 0', [forged]);
    }
  }
  await tamper(world, 'update ledger.checkpoint set root = $1 where size = $2', [frontier.root(), frontier.size]);
}

describe('the ledger', () => {
  let world: LedgerWorld;

  beforeEach(async () => {
    world = await openLedgerWorld();
    await world.add('things-acme.1', 13);
    await world.add('things-acme.2', 12);
    await world.sealer.sealNow();
  });

  afterEach(() => world.close());

  it('seals every event and finds nothing wrong with an honest log', async () => {
    expect(world.sealer.status()).toMatchObject({ state: 'sealing', size: 25, refusal: null });
    await world.add('things-acme.1', 300);
    expect(await world.sealer.sealNow()).toBe(325);
    expect(await world.audit.verifyLog()).toEqual({ ok: true, checked: 325, size: 325, finding: null });
    expect((await stat(join(world.folder, 'signing-key.pem'))).mode & 0o777).toBe(0o600);
  });

  it('goes on after a restart with the tree that it had', async () => {
    const again = await world.restarted();
    await world.add('things-acme.3', 5);
    expect(await again.sealNow()).toBe(30);
    expect((await world.audit.verifyLog()).ok).toBe(true);
    await again.stop();
  });

  it('lets one sealer work at a time', async () => {
    const other = await openOther(world);
    await other.sealNow();
    expect(other.status().state).toBe('standby');
  });

  it('seals by itself once started', async () => {
    const sealed = await world.restarted({ intervalMs: 5 });
    await world.add('things-acme.4', 3);
    sealed.start();
    while ((await sealed.store.sealed()).size < 28) await new Promise((resolve) => setImmediate(resolve));
    await sealed.stop();
  });

  it('finds one changed byte and names its position', async () => {
    await tamper(world, `update log.event set data = replace(data, 'thing 7', 'thing 8') where position = 7`);
    const { finding } = await world.audit.verifyLog();
    expect(finding).toMatchObject({ kind: 'event-changed', index: 6, position: positionOf(7) });
  });

  it('finds bytes that are no JSON any more', async () => {
    await tamper(world, `update log.event set data = '{' where position = 9`);
    expect((await world.audit.verifyLog()).finding).toMatchObject({
      kind: 'event-unreadable',
      position: positionOf(9),
    });
  });

  it('finds one deleted event and names its position', async () => {
    await tamper(world, 'delete from log.event where position = 11');
    expect((await world.audit.verifyLog()).finding).toMatchObject({ kind: 'event-deleted', position: positionOf(11) });
  });

  it('finds changed leaves, tiles and checkpoints', async () => {
    await tamper(world, `update ledger.tile set hashes = set_byte(hashes, 40, (get_byte(hashes, 40) + 1) % 256)`);
    expect((await world.audit.verifyLog()).finding?.kind).toBe('tile-changed');
    await tamper(world, `update ledger.checkpoint set note = replace(note, E'\\n20\\n', E'\\n21\\n') where size = 20`);
    expect((await world.audit.verifyLog()).finding?.kind).toBe('checkpoint-forged');
    await tamper(world, 'update ledger.leaf set leaf = set_byte(leaf, 9, 1) where idx = 3');
    expect((await world.audit.verifyLog()).finding).toMatchObject({ kind: 'leaf-changed', index: 3 });
    await tamper(world, 'delete from ledger.leaf where idx = 2');
    expect((await world.audit.verifyLog()).finding).toMatchObject({ kind: 'leaf-missing', index: 2 });
  });

  it('narrows a history rewritten with its leaves down to the checkpoints around it', async () => {
    await rewriteHistory(world);
    const { finding } = await world.audit.verifyLog();
    expect(finding).toMatchObject({ kind: 'checkpoint-contradicted', from: 0, index: 9 });
    expect(await refusalOf((await world.restarted()).sealNow())).toBe('contradiction');
  });

  it('holds the head file against a database in which everything was rewritten, checkpoints included', async () => {
    await rewriteHistory(world);
    await tamper(world, 'delete from ledger.checkpoint');
    expect((await world.audit.verifyLog()).finding).toMatchObject({ kind: 'head-contradicted', from: 0, index: 24 });
    const again = await world.restarted();
    expect(await refusalOf(again.sealNow())).toBe('contradiction');
    expect(again.status().state).toBe('refused');
  });

  it('signs nothing over an older database, and starts a new timeline only on an operator’s word', async () => {
    await tamper(world, 'delete from ledger.leaf where idx >= 20');
    await tamper(world, 'delete from ledger.checkpoint where size > 20');
    await tamper(world, `update ledger.sealed set size = 20, position = '${positionOf(20)}'`);
    await tamper(world, 'delete from log.event where position > 20');
    expect(await refusalOf(world.sealer.sealNow())).toBe('shorter');
    expect(await refusalOf(world.sealer.sealNow())).toBe('shorter');
    const fact = await world.sealer.acknowledge('restored from the backup of Monday', 'operator-1');
    expect(fact).toMatchObject({
      timeline: 2,
      actor: 'operator-1',
      refusal: { kind: 'shorter', signedSize: 25, foundSize: 20 },
    });
    expect(parseCheckpoint(parseNote(fact.abandoned ?? '').text).size).toBe(25);
    expect(await world.sealer.sealNow()).toBe(20);
    expect(world.sealer.status()).toMatchObject({ state: 'sealing', timeline: 2, origin: `${ledgerName}/t2` });
    expect((await world.audit.verifyLog()).ok).toBe(true);
    const file = await textOf(world.proofs.evidence({ kind: 'range', from: 0, to: 19 }));
    expect(verifyProofFile(file, { vkey: world.sealer.vkey })).toMatchObject({
      verdict: 'ok',
      origin: `${ledgerName}/t2`,
    });
    await expect(world.sealer.acknowledge('again', 'operator-1')).rejects.toThrow('refused nothing');
  });

  it('refuses when only the log was cut or changed at its end, or the head file is gone', async () => {
    await tamper(world, `update log.event set data = '{}' where position = 25`);
    expect(await refusalOf(world.sealer.sealNow())).toBe('log-changed');
    await rm(join(world.folder, 'domain.head'));
    expect(await refusalOf((await world.restarted()).sealNow())).toBe('head-missing');
  });

  it('refuses a head that another key signed', async () => {
    const keys = new FileSigningKey(join(world.folder, 'other.pem'));
    expect(await refusalOf((await world.restarted({ keys })).sealNow())).toBe('head-foreign');
  });

  it('recovers from a crash between the database and the head file', async () => {
    const old = await world.heads.load('domain');
    await world.add('things-acme.1', 4);
    await world.sealer.sealNow();
    if (old !== undefined) await world.heads.save('domain', old);
    const again = await world.restarted();
    expect(await again.sealNow()).toBe(29);
    expect(parseCheckpoint(parseNote((await world.heads.load('domain'))?.note ?? '').text).size).toBe(29);
    if (old !== undefined) await world.heads.save('domain', old);
    await tamper(world, `update log.event set data = '{}' where position = 28`);
    await again.stop();
    expect(await refusalOf((await world.restarted()).sealNow())).toBe('log-changed');
  });

  it('writes nothing when the database fails under it, and goes on afterwards', async () => {
    await tamper(world, 'alter table ledger.tile rename to tile_away');
    await world.add('things-acme.1', 4);
    await expect(world.sealer.sealNow()).rejects.toThrow();
    expect((await world.sealer.store.sealed()).size).toBe(25);
    await tamper(world, 'alter table ledger.tile_away rename to tile');
    expect(await world.sealer.sealNow()).toBe(29);
    expect((await world.audit.verifyLog()).ok).toBe(true);
  });

  it('audits a few events at a time, again and again', async () => {
    expect(await world.audit.auditNext(10)).toMatchObject({ ok: true, checked: 10, ended: false });
    expect(await world.audit.auditNext(10)).toMatchObject({ checked: 20, ended: false });
    expect(await world.audit.auditNext(10)).toMatchObject({ checked: 25, ended: true });
    await tamper(world, `update log.event set data = '{}' where position = 3`);
    expect(await world.audit.auditNext(10)).toMatchObject({
      ok: false,
      ended: true,
      finding: { position: positionOf(3) },
    });
  });

  it('proves one event by position and by id', async () => {
    const proof = await world.proofs.inclusionProof({ position: positionOf(7) });
    expect(await world.proofs.inclusionProof({ eventId: proof.eventId })).toEqual(proof);
    const head = parseCheckpoint(parseNote(proof.checkpoint).text);
    const path = proof.path.map((hash) => strictBase64(hash));
    expect(verifyInclusion(leafHash(strictBase64(proof.leaf)), 6, head.size, path, head.root)).toBe(true);
    expect(proof.text.startsWith(`c2sp.org/tlog-proof@v1\nindex 6\n${proof.path[0] ?? ''}\n`)).toBe(true);
    await world.add('things-acme.9', 1);
    await expect(world.proofs.inclusionProof({ position: positionOf(26) })).rejects.toThrow('not sealed');
  });

  it('hands out evidence that is checked with the database gone', async () => {
    const previous = (await world.sealer.store.checkpoint(1, 10))?.note ?? '';
    const stream = await textOf(world.proofs.evidence({ kind: 'stream', stream: 'things-acme.2', from: 0 }, previous));
    const other = noteOf(
      ed25519Signer(ledgerName, await new FileSigningKey(join(world.folder, 'signing-key.pem')).load()),
      1,
      { size: 10, root: Buffer.alloc(32) },
    );
    const trust = { vkey: world.sealer.vkey, previousCheckpoint: previous };
    await world.test.database.execute('drop table ledger.leaf, ledger.tile, ledger.checkpoint');
    await world.test.database.execute('drop schema log cascade');
    expect(verifyProofFile(stream, trust)).toMatchObject({ verdict: 'ok', events: 12, size: 25, pinned: true });
    expect(verifyProofFile(stream, { ...trust, previousCheckpoint: other }).verdict).toBe('inconsistent-history');
  });
});

async function openOther(world: LedgerWorld): Promise<Sealer> {
  const { Sealer: SealerClass } = await import('#infra/ledger/sealer.js');
  return SealerClass.open({
    database: world.test.database,
    events: world.events,
    heads: world.heads,
    keys: new FileSigningKey(join(world.folder, 'signing-key.pem')),
    name: ledgerName,
  });
}
