import { runs } from '#domain/capabilities/runs/runs.decider.js';
import { runRows } from '#domain/capabilities/runs/runs.projection.js';
import { sessions } from '#domain/capabilities/sessions/sessions.decider.js';
import { sessionRows, type SessionRow } from '#domain/capabilities/sessions/sessions.projection.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Facts } from '#domain/kernel/decider.js';
import { sessionStream } from '#api/commands/conversations.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { newId } from '#infra/commands/ids.js';
import type { ReadModels } from '#infra/read-models/read-models.js';

/** What retention needs to forget what was said. */
export interface ForgetMessages {
  readonly models: ReadModels;
  readonly path: Pick<CommandPath, 'run'>;
  /** ISO 8601; what was said earlier is forgotten. */
  readonly before: string;
  /** All tenants when absent. */
  readonly tenantId?: string;
  /** Counts, and forgets nothing. */
  readonly dryRun?: boolean;
}

const BATCH = 500;

/** Deletes the sessions that nobody went on with, with their keys, and forgets the older words of the others; how many in all. */
export async function forgetMessages(asked: ForgetMessages): Promise<number> {
  const { models, path, before, tenantId, dryRun } = asked;
  const own = tenantId === undefined ? {} : { tenant_id: tenantId };
  const old = models.for(sessionRows).acrossTenants();
  const idle = { ...own, deleted: false, last_seen_at: { before } };
  const said = models.for(runRows).acrossTenants();
  const due = { ...own, forgotten_at: null, status: ended, started_at: { before } };
  if (dryRun === true) return (await old.count(idle)) + (await said.count(due));
  const sessionsGone = await each(old, idle, (row) => deleteIdle(path, row));
  const runsGone = await each(said, due, async ({ tenant_id, id }) => {
    await path.run(runs, id, { type: 'ForgetRun', data: {} }, factsFor(tenant_id));
  });
  return sessionsGone + runsGone;
}

const ended = { in: ['succeeded', 'failed', 'cancelled'] } as const;

async function each<R, W extends object>(
  rows: { page(options: { where: W; limit: number; cursor: string | undefined }): Promise<Paged<R>> },
  where: W,
  forget: (row: R) => Promise<void>,
): Promise<number> {
  let cursor: string | undefined;
  let forgotten = 0;
  do {
    const page = await rows.page({ where, limit: BATCH, cursor });
    await Promise.all(page.rows.map(forget));
    forgotten += page.rows.length;
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return forgotten;
}

interface Paged<R> {
  readonly rows: readonly R[];
  readonly next: string | null;
}

async function deleteIdle(path: Pick<CommandPath, 'run'>, row: SessionRow): Promise<void> {
  const { tenant_id: tenantId, id: session, session_id: sessionId, user_id: userId, life } = row;
  const data = { session, sessionId, userId, life, reason: 'retention' } as const;
  const stream = sessionStream(tenantId, session);
  await path.run(sessions, stream, { type: 'DeleteSession', data }, factsFor(tenantId)).catch((error: unknown) => {
    // Its user was faster.
    if (!(error instanceof CatalogueError)) throw error;
  });
}

function factsFor(tenantId: string): Facts {
  return {
    tenantId,
    actor: { type: 'system', id: 'retention', role: null },
    now: new Date().toISOString(),
    commandId: newId(),
    newId: newId(),
    requestId: null,
  };
}
