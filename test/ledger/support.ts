import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventMetadata } from '#domain/kernel/events.js';
import type { EventLog, NewEvent } from '#infra/event-log/event-log.js';
import { FileHeadStore } from '#infra/ledger/head-store.js';
import { LedgerAudit } from '#infra/ledger/ledger-audit.js';
import { LedgerProofs } from '#infra/ledger/proofs.js';
import { Sealer, type SealerOptions } from '#infra/ledger/sealer.js';
import { FileSigningKey } from '#infra/ledger/signing-key.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';

export const metadata: EventMetadata = {
  tenantId: 'acme',
  actor: { type: 'system', id: null, role: null },
  commandId: '00000000-0000-4000-8000-000000000001',
  requestId: null,
  correlationId: null,
  causationId: null,
  traceparent: null,
  region: null,
  epoch: 0,
  occurredAt: '2026-01-02T03:04:05.678Z',
};

export function eventOf(number: number): NewEvent {
  return {
    id: randomUUID(),
    type: 'ThingHappened',
    schemaVersion: 1,
    data: { number, name: `thing ${number}` },
    metadata,
  };
}

/** A log, its ledger and the folder of key and head, all fresh. */
export interface LedgerWorld {
  readonly test: TestDatabase;
  readonly events: EventLog;
  readonly folder: string;
  readonly heads: FileHeadStore;
  readonly sealer: Sealer;
  readonly audit: LedgerAudit;
  readonly proofs: LedgerProofs;
  /** Another sealer over the same database, key and head, as after a restart. */
  restarted(extra?: Partial<SealerOptions>): Promise<Sealer>;
  /** Appends `count` events to a stream of the given name. */
  add(stream: string, count: number): Promise<void>;
  close(): Promise<void>;
}

export const ledgerName = 'rag.example.org/domain';

/** Over the Postgres log, whose rows its specs falsify, unless another is given. */
export async function openLedgerWorld(
  batch = 10,
  openLog: (test: TestDatabase) => Promise<EventLog> = ({ database }) => PostgresEventLog.open(database, 'domain'),
): Promise<LedgerWorld> {
  const test = await openTestDatabase();
  const events = await openLog(test);
  const folder = await mkdtemp(join(tmpdir(), 'ledger-'));
  const heads = new FileHeadStore(folder);
  const options = { database: test.database, events, heads, name: ledgerName, batch };
  const restarted = (extra: Partial<SealerOptions> = {}): Promise<Sealer> =>
    Sealer.open({ ...options, keys: new FileSigningKey(join(folder, 'signing-key.pem')), ...extra });
  const sealer = await restarted();
  const parts = { events, store: sealer.store, heads, vkey: sealer.vkey };
  let number = 0;
  return {
    test,
    events,
    folder,
    heads,
    sealer,
    audit: new LedgerAudit(parts),
    proofs: new LedgerProofs(events, sealer.store, sealer.vkey),
    restarted: async (extra) => {
      await sealer.stop();
      return restarted(extra);
    },
    add: async (stream, count) => {
      const added = Array.from({ length: count }, () => eventOf((number += 1)));
      await events.append(stream, added, { expected: 'any' });
    },
    close: async () => {
      await sealer.stop();
      await events.close();
      await test.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Runs statements as somebody who owns the database would: with the log's triggers off. */
export async function tamper(world: LedgerWorld, statement: string, params: readonly unknown[] = []): Promise<number> {
  const { database } = world.test;
  return database.transaction(async () => {
    await database.execute('set local session_replication_role = replica');
    return database.execute(statement, params);
  });
}

export async function textOf(lines: AsyncIterable<string>): Promise<Buffer> {
  const parts: string[] = [];
  for await (const line of lines) parts.push(line);
  return Buffer.from(parts.join(''), 'utf8');
}
