import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accessRows, capabilities } from '#domain/capabilities/capabilities.js';
import { AccessRetention } from '#infra/access-log/access-retention.js';
import type { EventLog } from '#infra/event-log/event-log.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import { FileHeadStore } from '#infra/ledger/head-store.js';
import { LedgerAudit } from '#infra/ledger/ledger-audit.js';
import { LedgerProofs } from '#infra/ledger/proofs.js';
import { Sealer } from '#infra/ledger/sealer.js';
import { FileSigningKey } from '#infra/ledger/signing-key.js';
import { ProjectionAdmin } from '#infra/projections/admin.js';
import { CapabilityRegistry } from '#infra/projections/registry.js';
import { ProjectionRunner } from '#infra/projections/runner.js';
import { everyEvent } from '#test/support/event-log.js';
import { newEvent, openBench, type Bench } from './support.js';

const registry = new CapabilityRegistry(capabilities);
const never = new AbortController().signal;
const soon = (): string => new Date(Date.now() + 60_000).toISOString();

describe('the retention of the access log', () => {
  let bench: Bench;
  let access: EventLog;
  let folder: string;
  let sealer: Sealer;
  let audit: LedgerAudit;
  let proofs: LedgerProofs;
  let retention: AccessRetention;
  let runner: ProjectionRunner;

  const openSealer = (): Promise<Sealer> => {
    const keys = new FileSigningKey(join(folder, 'key.pem'));
    const heads = new FileHeadStore(folder);
    return Sealer.open({ database: bench.database, events: access, keys, heads, name: 'example/access', batch: 100 });
  };
  const come = async (count: number): Promise<void> => {
    const events = Array.from({ length: count }, (_, at) =>
      newEvent('RequestAuthenticated', { path: `/${at}`, method: 'GET', userId: null, authMode: 'api_key' }),
    );
    await access.append('access-t1.2026-01-02', events, { expected: 'any' });
  };
  const rows = () => bench.database.query<{ position: string }>(`select position from read.access_events_v1`);

  beforeEach(async () => {
    bench = await openBench();
    const { database } = bench;
    access = await PostgresEventLog.open(database, 'access');
    folder = await mkdtemp(join(tmpdir(), 'retention-'));
    sealer = await openSealer();
    const parts = { events: access, store: sealer.store, heads: new FileHeadStore(folder), vkey: sealer.vkey };
    audit = new LedgerAudit(parts);
    proofs = new LedgerProofs(access, sealer.store, sealer.vkey);
    retention = new AccessRetention({ database, projections: registry.projectionsOf('access'), days: 90 });
    runner = new ProjectionRunner({ database, log: access, registry });
    await runner.start();
    await come(600);
    await runner.caughtUp();
  });
  afterEach(async () => {
    await runner.stop();
    await access.close();
    await bench.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('cuts whole tiles that are sealed and old, and nothing else', async () => {
    expect(await retention.cutFor(soon())).toBeUndefined();
    await sealer.sealNow();
    expect(await retention.cutFor(retention.keptSince())).toBeUndefined();
    const plan = await retention.cutFor(soon());
    expect(plan).toMatchObject({ leaves: 512, position: '00000000000000000512' });
    expect(await retention.remove(plan?.position ?? '', never)).toBe(512);
    expect(await everyEvent(access)).toHaveLength(88);
    expect(await rows()).toHaveLength(88);
    expect(await retention.remove(plan?.position ?? '', never)).toBe(0);
  });

  it('leaves what is left provable, verifiable and writable', async () => {
    await sealer.sealNow();
    const [gone] = await everyEvent(access);
    const before = await proofs.latestCheckpoint();
    await retention.remove('00000000000000000512', never);
    await sealer.stop();
    sealer = await openSealer();
    await come(300);
    expect(await sealer.sealNow()).toBe(900);
    expect(await audit.verifyLog(undefined, '00000000000000000512')).toMatchObject({ ok: true, size: 900 });
    expect((await proofs.consistencyProof(before.size)).to).toBe(900);
    expect((await proofs.inclusionProof({ eventId: gone?.id ?? '' })).index).toBe(0);
    await runner.caughtUp();
    const admin = new ProjectionAdmin({ database: bench.database, log: bench.log, accessLog: access, registry });
    expect(await admin.verify(accessRows.table)).toMatchObject({ clean: true, rows: 388 });
    expect(await admin.rebuild(accessRows.table)).toMatchObject({ swapped: true, rows: 388 });
  });

  it('goes on from tiles and the signed head after a restart, at any size', async () => {
    for (const more of [168, 1, 255, 300, 256]) {
      await come(more);
      await sealer.sealNow();
      await sealer.stop();
      sealer = await openSealer();
    }
    expect(await sealer.sealNow()).toBe(1_580);
    expect(await audit.verifyLog()).toMatchObject({ ok: true, size: 1_580 });
    expect((await proofs.consistencyProof(600)).to).toBe(1_580);
  });

  it('seals nothing more where tiles contradict the signed head', async () => {
    await sealer.sealNow();
    await sealer.stop();
    await bench.database.execute(
      `update ledger.tile set hashes = set_byte(hashes, 5, (get_byte(hashes, 5) + 1) % 256) where log_id = 'access' and level = 1`,
    );
    sealer = await openSealer();
    await come(10);
    await expect(sealer.sealNow()).rejects.toThrow('another root than was signed');
  });

  it('is no excuse for a beginning that is gone and was not told of, nor for a hole', async () => {
    await sealer.sealNow();
    await retention.remove('00000000000000000512', never);
    expect((await audit.verifyLog(undefined, null)).finding).toMatchObject({ kind: 'event-deleted', index: 0 });
    expect((await audit.verifyLog(undefined, '00000000000000000256')).finding).toMatchObject({ index: 256 });
    await bench.database.transaction(async () => {
      await bench.database.query(`set local nexusrag.access_retention = 'on'`);
      await bench.database.execute(`delete from log.event where log_id = 2 and position = 550`);
    });
    expect((await audit.verifyLog(undefined, '00000000000000000512')).finding).toMatchObject({ index: 549 });
  });

  it('waits for read models that have not folded what would go', async () => {
    await sealer.sealNow();
    await runner.stop();
    await come(512);
    await sealer.sealNow();
    expect(await retention.remove('00000000000000001024', never)).toBe(0);
    expect(await everyEvent(access)).toHaveLength(1_112);
  });
});
