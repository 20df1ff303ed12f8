import type { EventLog } from '#infra/event-log/event-log.js';
import { JobStore } from '#infra/jobs/job-store.js';
import { idempotencyFigures, logFigures, retrievalFigures, scheduledFigures } from '#infra/platform/health-figures.js';
import type { Ledger } from '#infra/platform/ledger.js';
import type { Platform } from '#infra/platform/platform.js';
import { ProjectionAdmin } from '#infra/projections/admin.js';
import { problemsOf, type ComponentCheck, type Finding } from './system-health.handler.js';

const SLOW_ACQUIRE_MS = 500;
const LATE_PROJECTION_S = 60;
const LATE_JOB_S = 300;
const LATE_SEAL_S = 300;
const STUCK_KEY_S = 600;
const LATE_HOUSEKEEPING_S = 3 * 3_600;

const secondsSince = (instant: string): number => Math.round((Date.now() - Date.parse(instant)) / 100) / 10;

/** The stores and what runs over them, as every process sees them. */
export function platformChecks(platform: Platform, ledger: Ledger): readonly ComponentCheck[] {
  return [
    { name: 'database', check: () => databaseHealth(platform) },
    { name: 'event_log', check: () => logHealth(platform.log) },
    { name: 'projections', check: () => projectionHealth(platform) },
    { name: 'jobs', check: () => jobHealth(platform) },
    { name: 'ledger', check: () => ledgerHealth(platform, ledger) },
    { name: 'shared_state', check: () => sharedHealth(platform) },
    { name: 'retrieval_index', check: async () => ({ figures: await retrievalFigures(platform.database) }) },
    { name: 'idempotency', check: () => idempotencyHealth(platform) },
    { name: 'retention', check: () => retentionHealth(platform) },
  ];
}

async function databaseHealth({ database }: Platform): Promise<Finding> {
  const began = performance.now();
  const answers = await database.ping();
  const { size, idle, waiting, max, acquireP95Ms, errors5m } = database.poolFigures();
  return {
    figures: {
      engine: database.engine,
      answered_in_ms: Math.round(performance.now() - began),
      pool_size: size,
      pool_idle: idle,
      pool_max: max,
      waiting,
      acquire_p95_ms: acquireP95Ms,
      errors_5m: errors5m,
    },
    problems: problemsOf([
      [!answers, 'error', 'It does not answer'],
      [errors5m > 0, 'degraded', 'Connections failed in the last five minutes'],
      [(acquireP95Ms ?? 0) > SLOW_ACQUIRE_MS, 'degraded', 'Callers wait long for a connection'],
    ]),
  };
}

async function logHealth(log: EventLog): Promise<Finding> {
  const figures = await logFigures(log);
  return { figures, problems: problemsOf([[figures.frozen, 'degraded', 'Writes are frozen']]) };
}

async function projectionHealth({ database, log, accessLog, registry }: Platform): Promise<Finding> {
  const rows = await new ProjectionAdmin({ database, log, accessLog, registry }).list();
  const served = rows.filter(({ state }) => state === 'active' || state === 'failed');
  const quarantined = rows.reduce((sum, row) => sum + row.quarantinedKeys, 0);
  const lagSeconds = Math.max(0, ...served.map((row) => row.secondsBehind));
  const named = (those: typeof rows): string[] => those.map(({ table, version }) => `${table} v${version}`);
  const stalled = named(served.filter((row) => row.stalled));
  const failed = named(rows.filter(({ state }) => state === 'failed'));
  return {
    figures: {
      projections: served.length,
      lag_events: Math.max(0, ...served.map((row) => row.eventsBehind ?? 0)),
      lag_seconds: lagSeconds,
      stalled,
      failed,
      quarantined_keys: quarantined,
      positions: Object.fromEntries(served.map(({ table, version, position }) => [`${table}_v${version}`, position])),
    },
    problems: problemsOf([
      [failed.length > 0, 'error', `Failed: ${failed.join(', ')}`],
      [stalled.length > 0, 'error', `Stalled: ${stalled.join(', ')}`],
      [quarantined > 0, 'degraded', 'Events that could not be folded wait in quarantine'],
      [lagSeconds > LATE_PROJECTION_S, 'degraded', 'Read models are behind the log'],
    ]),
  };
}

async function jobHealth({ database }: Platform): Promise<Finding> {
  const counts = await new JobStore(database).counts();
  const of = (...states: readonly string[]): number =>
    counts.filter(({ state }) => states.includes(state)).reduce((sum, { count }) => sum + count, 0);
  const oldest = Math.round(Math.max(0, ...counts.map(({ oldestDueSeconds }) => oldestDueSeconds)));
  const dead = of('dead');
  return {
    figures: {
      waiting: of('queued', 'retrying'),
      retrying: of('retrying'),
      active: of('active'),
      dead_lettered: dead,
      oldest_due_seconds: oldest,
      dead_by_queue: Object.fromEntries(
        counts.filter(({ state }) => state === 'dead').map(({ name, count }) => [name, count]),
      ),
    },
    problems: problemsOf([
      [oldest > LATE_JOB_S, 'error', 'Jobs are due that nobody takes'],
      [dead > 0, 'degraded', 'Jobs failed for good and wait for an operator'],
    ]),
  };
}

async function ledgerHealth({ log }: Platform, { sealer, proofs }: Ledger): Promise<Finding> {
  const { size, position, timeline } = await sealer.store.sealed();
  const head = await log.head();
  const sealedAt = size === 0 ? null : (await proofs.latestCheckpoint()).createdAt;
  const age = sealedAt === null ? null : secondsSince(sealedAt);
  const behind = head !== null && (position ?? '') < head;
  return {
    figures: {
      sealed_size: size,
      sealed_to: position,
      timeline,
      last_checkpoint_at: sealedAt,
      last_checkpoint_age_seconds: age,
      unsealed_events: behind,
    },
    problems: problemsOf([[behind && (age ?? 0) > LATE_SEAL_S, 'error', 'Events have not been sealed for minutes']]),
  };
}

async function sharedHealth({ shared, config }: Platform): Promise<Finding> {
  const began = performance.now();
  const answers = await shared.healthy();
  const figures = {
    kind: config.data.REDIS_URL === undefined ? 'in-process' : 'redis',
    answers,
    answered_in_ms: Math.round(performance.now() - began),
  };
  return { figures, problems: problemsOf([[!answers, 'degraded', 'Each process counts and limits alone']]) };
}

async function idempotencyHealth({ database }: Platform): Promise<Finding> {
  const figures = await idempotencyFigures(database);
  const stuck = (figures.oldest_pending_seconds ?? 0) > STUCK_KEY_S;
  return { figures, problems: problemsOf([[stuck, 'degraded', 'A first request has been under way for long']]) };
}

async function retentionHealth({ database }: Platform): Promise<Finding> {
  const { last_run_at, dead, last_by_job } = await scheduledFigures(database, 'house.');
  const late = last_run_at !== null && secondsSince(last_run_at) > LATE_HOUSEKEEPING_S;
  return {
    figures: { last_run_at, last_status: dead === 0 ? 'ok' : 'failed', failed: dead, last_by_job },
    problems: problemsOf([
      [dead > 0, 'degraded', 'A job that removes what is old failed'],
      [late, 'degraded', 'Nothing old was removed for hours'],
    ]),
  };
}
