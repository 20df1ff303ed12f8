import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import { runRows } from '#domain/capabilities/runs/runs.projection.js';
import type { Database } from '#infra/database/database.js';
import { problemsOf, type ComponentCheck, type Finding } from './system-health.handler.js';

/** What the capabilities of this process do now. */
export interface WorkParts {
  readonly database: Database;
  readonly model: { readonly provider: string; readonly configured: boolean };
  readonly streams: () => {
    readonly sse_open: number;
    readonly runs_in_flight: number;
    readonly event_streams: number;
    readonly events_sent: number;
    readonly drops: number;
  };
  readonly access: () => {
    readonly stored: number;
    readonly dropped: number;
    readonly retried: number;
    readonly waiting: number;
  };
}

const FULL_BUFFER = 10_000;

/** The work that tenants wait for. */
export function workChecks(parts: WorkParts): readonly ComponentCheck[] {
  return [
    { name: 'model', check: () => modelHealth(parts) },
    { name: 'ingestion', check: () => ingestionHealth(parts.database) },
    { name: 'streams', check: () => Promise.resolve(streamHealth(parts)) },
    { name: 'access_log', check: () => Promise.resolve(accessHealth(parts)) },
  ];
}

const viewOf = ({ table, version }: { readonly table: string; readonly version: number }): string =>
  `read.${table}_v${version}`;

const iso = (instant: Date | null | undefined): string | null => instant?.toISOString() ?? null;

interface RunFigures {
  readonly runs: number;
  readonly degraded: number;
  readonly errors: number;
  readonly good: Date | null;
  readonly bad: Date | null;
}

/** Each figure is found by the index over status and start. */
async function modelHealth({ database, model }: WorkParts): Promise<Finding> {
  const lately = `started_at > now() - interval '1 hour'`;
  const from = viewOf(runRows);
  const [row] = await database.query<RunFigures>(
    `select (select count(*)::int from ${from} where status in ('succeeded', 'failed') and ${lately}) as runs,
            (select count(*)::int from ${from} where status = 'succeeded' and reason_code is not null and ${lately}) as degraded,
            (select count(*)::int from ${from} where status = 'failed' and ${lately}) as errors,
            (select max(started_at) from ${from} where status = 'succeeded') as good,
            (select max(started_at) from ${from} where status = 'failed') as bad`,
  );
  const { runs = 0, degraded = 0, errors = 0 } = row ?? {};
  return {
    figures: {
      ...model,
      runs_1h: runs,
      degraded_1h: degraded,
      errors_1h: errors,
      last_success_at: iso(row?.good),
      last_error_at: iso(row?.bad),
    },
    problems: problemsOf([
      [runs >= 10 && errors * 2 > runs, 'error', 'Most runs of the last hour failed'],
      [errors > 0, 'degraded', 'Runs of the last hour failed'],
      [model.configured && degraded > 0, 'degraded', 'Answers of the last hour were made without the model'],
    ]),
  };
}

interface IngestionFigures {
  readonly pending: number;
  readonly failed: number;
  readonly oldest: number | null;
  readonly good: Date | null;
  readonly bad: Date | null;
}

const LATE_INGESTION_S = 900;

async function ingestionHealth(database: Database): Promise<Finding> {
  const [row] = await database.query<IngestionFigures>(
    `select (count(*) filter (where status in ('queued', 'processing')))::int as pending,
            (count(*) filter (where status = 'failed' and completed_at > now() - interval '1 hour'))::int as failed,
            extract(epoch from now() - min(queued_at) filter (where status in ('queued', 'processing')))::float8 as oldest,
            max(completed_at) filter (where status = 'succeeded') as good,
            max(completed_at) filter (where status = 'failed') as bad
       from ${viewOf(documentRows)}`,
  );
  const { pending = 0, failed = 0, oldest = null } = row ?? {};
  return {
    figures: {
      pending,
      oldest_pending_seconds: oldest,
      failed_1h: failed,
      last_success_at: iso(row?.good),
      last_failure_at: iso(row?.bad),
    },
    problems: problemsOf([
      [(oldest ?? 0) > LATE_INGESTION_S, 'degraded', 'A document has waited for long'],
      [failed > 0, 'degraded', 'Documents of the last hour failed'],
    ]),
  };
}

function streamHealth({ streams }: WorkParts): Finding {
  const figures = streams();
  return { figures, problems: problemsOf([[figures.drops > 0, 'degraded', 'Clients were dropped that took nothing']]) };
}

function accessHealth({ access }: WorkParts): Finding {
  const { stored, dropped, retried, waiting } = access();
  return {
    figures: { waiting, stored, dropped, retried },
    problems: problemsOf([
      [dropped > 0, 'error', 'Access events were lost'],
      [waiting > FULL_BUFFER, 'degraded', 'Access events wait to be written'],
    ]),
  };
}
