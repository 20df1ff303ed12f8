import { randomUUID } from 'node:crypto';
import { defineCapability, type Capability } from '#domain/kernel/capability.js';
import { defineEvents, type EventOf } from '#domain/kernel/events.js';
import { defineProjection, type AnyProjection } from '#domain/kernel/projection.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import { t } from '#domain/kernel/schema.js';
import type { Database } from '#infra/database/database.js';
import type { EventLog, NewEvent } from '#infra/event-log/event-log.js';
import { CapabilityRegistry } from '#infra/projections/registry.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { openTestLog } from '#test/support/event-log.js';

const audit = { type: 'ops.tally', category: 'ops', outcome: 'success', resource: ['account', 'account'] } as const;

export const accountEvents = defineEvents({
  AccountOpened: { version: 1, data: { account: t.string, owner: t.string }, audit },
  MoneyMoved: { version: 1, data: { account: t.string, amount: t.integer }, audit },
  AccountClosed: { version: 1, data: { account: t.string }, audit },
});
export type AccountEvent = EventOf<typeof accountEvents>;

/** Faults that a spec switches on and off in the fold. */
export const faults = { amount: Number.NaN };

export const accounts = defineProjection<AccountEvent>()({
  table: 'accounts',
  version: 1,
  columns: {
    id: 'text',
    tenant_id: 'text',
    owner: 'text',
    balance: 'bigint',
    moves: 'integer',
    details: 'jsonb',
    tags: 'text[]',
    moved_at: 'timestamptz?',
  },
  indexes: [['owner']],
  key: (event) => event.data.account,
  on: {
    AccountOpened: (event) => ({
      id: event.data.account,
      tenant_id: event.tenantId,
      owner: event.data.owner,
      balance: '0',
      moves: 0,
      details: { z: [1.5, null], a: { deep: event.data.owner } },
      tags: ['a"b', 'c,d', ''],
      moved_at: null,
    }),
    MoneyMoved: (event, row) => {
      if (event.data.amount === faults.amount) throw new Error('this amount is refused');
      return (
        row && {
          ...row,
          balance: String(BigInt(row.balance) + BigInt(event.data.amount)),
          moves: row.moves + 1,
          moved_at: event.occurredAt,
        }
      );
    },
    AccountClosed: () => null,
  },
});

/** One row an event, of whatever type. */
export const journal = defineProjection<AccountEvent>()({
  table: 'journal',
  version: 1,
  form: 'append',
  columns: { id: 'text', tenant_id: 'text', kind: 'text' },
  key: (event) => event.id,
  onAny: (event) => ({ id: event.id, tenant_id: event.tenantId, kind: event.type }),
});

export const accountsV2 = defineProjection<AccountEvent>()({
  table: 'accounts',
  version: 2,
  columns: { id: 'text', tenant_id: 'text', holder: 'text' },
  key: (event) => event.data.account,
  on: {
    AccountOpened: (event) => ({ id: event.data.account, tenant_id: event.tenantId, holder: event.data.owner }),
    AccountClosed: () => null,
  },
});

export function capabilityOf(...projections: readonly AnyProjection[]): Capability {
  return defineCapability({ name: 'accounts', events: accountEvents, projections });
}

export function registryOf(...projections: readonly AnyProjection[]): CapabilityRegistry {
  return new CapabilityRegistry([capabilityOf(...projections)]);
}

export function newEvent(type: string, data: JsonObject, tenantId = 't1'): NewEvent {
  const metadata = {
    tenantId,
    actor: { type: 'system', id: null, role: null },
    commandId: randomUUID(),
    requestId: null,
    correlationId: null,
    causationId: null,
    traceparent: null,
    region: null,
    epoch: 0,
    occurredAt: '2026-01-02T03:04:05.678Z',
  } as const;
  return { id: randomUUID(), type, schemaVersion: 1, data, metadata };
}

export const opened = (account: string, tenantId = 't1'): NewEvent =>
  newEvent('AccountOpened', { account, owner: `owner of ${account}` }, tenantId);
export const moved = (account: string, amount: number, tenantId = 't1'): NewEvent =>
  newEvent('MoneyMoved', { account, amount }, tenantId);
export const closed = (account: string): NewEvent => newEvent('AccountClosed', { account });

/** Appends to a stream of its own, so that no revision is in the way. */
export function append(log: EventLog, ...events: readonly NewEvent[]) {
  return log.append(`accounts-t1.${randomUUID()}`, events, { expected: 'no-stream' });
}

export interface Bench {
  readonly test: TestDatabase;
  readonly database: Database;
  readonly log: EventLog;
  close(): Promise<void>;
}

export async function openBench(): Promise<Bench> {
  const test = await openTestDatabase();
  const log = await openTestLog(test);
  return {
    test,
    database: test.database,
    log,
    close: async () => {
      await log.close();
      await test.drop();
    },
  };
}

/** Waits for a condition, failing after 30 s with the last value. */
export async function eventually<T>(read: () => T | Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > deadline) throw new Error(`still not so after 30 s: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export interface AccountRow {
  readonly tenant_id: string;
  readonly id: string;
  readonly balance: string;
  readonly moves: number;
}

export function accountRows(database: Database, view = 'accounts_v1'): Promise<AccountRow[]> {
  return database.query<AccountRow>(`select * from read.${view} order by tenant_id, id`);
}
