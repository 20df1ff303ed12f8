import { openLedgerWorld, textOf, type LedgerWorld } from '#test/ledger/support.js';
import { EventStoreDbEventLog } from '#infra/event-log/eventstoredb-event-log.js';
import { verifyProofFile } from '#infra/ledger/verifier.js';
import { EventStoreStandIn } from '#test/support/eventstore-stand-in/stand-in.js';

describe('the ledger over EventStoreDB', () => {
  let standIn: EventStoreStandIn;
  let world: LedgerWorld;
  beforeEach(async () => {
    standIn = await EventStoreStandIn.start();
    world = await openLedgerWorld(10, () => EventStoreDbEventLog.open({ connectionString: standIn.url }));
    await world.add('things-acme.1', 7);
    await world.add('things-acme.2', 12);
    await world.add('things-acme.1', 6);
    expect(await world.sealer.sealNow()).toBe(25);
  });
  afterEach(async () => {
    await world.close();
    await standIn.close();
  });

  it('gives every event a leaf without a hole, goes on after a restart, and proves one event and a stream', async () => {
    await world.add('things-acme.2', 5);
    expect(await (await world.restarted()).sealNow()).toBe(30);
    expect(await world.audit.verifyLog()).toMatchObject({ ok: true });
    const last = await world.events.head();
    const proof = await world.proofs.inclusionProof({ position: last ?? '' });
    expect(await world.proofs.inclusionProof({ eventId: proof.eventId })).toEqual(proof);
    const file = await textOf(world.proofs.evidence({ kind: 'stream', stream: 'things-acme.2', from: 0 }));
    expect(verifyProofFile(file, { vkey: world.sealer.vkey })).toMatchObject({ verdict: 'ok', events: 17, size: 30 });
  });

  it('finds one changed byte on the server and names its position', async () => {
    const at = standIn.records.all.findIndex(({ stream, revision }) => stream === 'things-acme.2' && revision === 3n);
    const record = standIn.records.all[at];
    if (record === undefined) throw new Error('the event is not there');
    standIn.records.all[at] = { ...record, data: Buffer.from('{}') };
    const position = String(record.position).padStart(20, '0');
    expect(await world.audit.verifyLog()).toMatchObject({
      ok: false,
      finding: { position: `${position}:${position}` },
    });
  });
});
