import { randomUUID } from 'node:crypto';
import { CapabilityRegistry } from '#infra/projections/registry.js';
import { defineCapability } from '#domain/kernel/capability.js';
import { defineEvents, type EventOf } from '#domain/kernel/events.js';
import { defineProjection } from '#domain/kernel/projection.js';
import { t } from '#domain/kernel/schema.js';
import { Database } from '#infra/database/database.js';
import type { NewEvent } from '#infra/event-log/event-log.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import { ProjectionAdmin } from '#infra/projections/admin.js';
import { ProjectionRunner } from '#infra/projections/runner.js';
import { loadNow, type BenchContext, type BenchTable } from './report.js';

const audit = { type: 'ops.bench', category: 'ops', outcome: 'success', resource: ['thing', 'id'] } as const;
const events = defineEvents({ ThingChanged: { version: 1, data: { id: t.string, by: t.integer }, audit } });

const things = defineProjection<EventOf<typeof events>>()({
  table: 'bench_things',
  version: 1,
  columns: { id: 'text', tenant_id: 'text', total: 'bigint', changes: 'integer', changed_at: 'timestamptz' },
  key: (event) => event.data.id,
  on: {
    ThingChanged: (event, row) => ({
      id: event.data.id,
      tenant_id: event.tenantId,
      total: String(BigInt(row?.total ?? 0) + BigInt(event.data.by)),
      changes: (row?.changes ?? 0) + 1,
      changed_at: event.occurredAt,
    }),
  },
});

/** Live projection and rebuild of a projection with a row a stream. */
export async function projectionSection(context: BenchContext): Promise<readonly BenchTable[]> {
  const url = await context.database({ migrated: false });
  const figures = await runProjectionBench(url);
  const live = Math.round(figures.livePerSecond);
  const rebuild = Math.round(figures.rebuildPerSecond);
  return [
    {
      title: 'A projection with one row a stream',
      rows: [
        { what: 'live', 'events/s': live, events: figures.events, streams: figures.streams, load: loadNow() },
        { what: 'rebuild', 'events/s': rebuild, events: figures.events, streams: figures.streams, load: loadNow() },
      ],
      goals: [
        { what: 'live events/s', goal: 50_000, measured: live, atLeast: true },
        { what: 'rebuild events/s', goal: 100_000, measured: rebuild, atLeast: true },
        { what: 'rebuild events/s, the aim', goal: 150_000, measured: rebuild, atLeast: true },
      ],
      notes: ['A rebuild fills, indexes, compares with the live table row by row, and swaps.'],
    },
  ];
}

export interface ProjectionFigures {
  readonly events: number;
  readonly streams: number;
  readonly livePerSecond: number;
  readonly rebuildPerSecond: number;
}

/** Projects and rebuilds `total` events of `streams` streams on an empty, migrated database; events a second of each. */
export async function runProjectionBench(
  databaseUrl: string,
  total = 200_000,
  streams = 10_000,
): Promise<ProjectionFigures> {
  const database = await Database.open({ url: databaseUrl });
  try {
    await database.migrate();
    const log = await PostgresEventLog.open(database);
    await fill(log, total, streams);
    const registry = new CapabilityRegistry([defineCapability({ name: 'bench', events, projections: [things] })]);
    const runner = new ProjectionRunner({ database, log, registry });
    const live = await timed(async () => {
      await runner.start();
      await runner.caughtUp();
    });
    const admin = new ProjectionAdmin({ database, log, registry });
    const rebuild = await timed(() => admin.rebuild('bench_things'));
    await runner.stop();
    await log.close();
    return { events: total, streams, livePerSecond: total / live, rebuildPerSecond: total / rebuild };
  } finally {
    await database.close();
  }
}

/** Round by round over all streams, so that a batch touches as many rows as it has events. */
async function fill(log: PostgresEventLog, total: number, streams: number): Promise<void> {
  const perRound = Array.from({ length: streams }, (_, at) => `thing-${at}`);
  for (let round = 0; round * streams < total; round += 1) {
    for (let from = 0; from < streams; from += 256) {
      const names = perRound.slice(from, from + 256);
      await Promise.all(names.map((id) => log.append(`things-bench.${id}`, [change(id, round)], { expected: 'any' })));
    }
  }
}

function change(id: string, by: number): NewEvent {
  const metadata = {
    tenantId: 'bench',
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
  return { id: randomUUID(), type: 'ThingChanged', schemaVersion: 1, data: { id, by }, metadata };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1_000;
}
