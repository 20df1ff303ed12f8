import { PgBoss } from 'pg-boss';
import type { AnyJob } from '#domain/kernel/job.js';
import type { Database } from '#infra/database/database.js';

/** What pg-boss is told, and it allows no less; we look for lost jobs ourselves, and sooner. */
const HEARTBEAT_SECONDS = 10;
/** Seconds for which finished jobs are kept, so that a replayed effect still finds its id taken. */
const KEEP_FINISHED_SECONDS = 7 * 24 * 3_600;
const ONE_HOUR = 3_600;

const ownTransaction = /^\s*BEGIN;([\s\S]*)COMMIT;\s*$/;
/** What makes and ends jobs; the text of what fetches them changes with how many. */
const fixedText = /^\s*(?:INSERT INTO|WITH results AS)/;

/**
 * pg-boss over our database: its statements join the ambient transaction, and the texts that bring their own BEGIN and
 * COMMIT run in one of ours, because a failure in the middle would leave PGlite's only session inside it.
 */
export function openBoss(database: Database): PgBoss {
  const executeSql = async (text: string, values: unknown[] = []): Promise<{ rows: unknown[] }> => {
    const inner = ownTransaction.exec(text)?.[1];
    if (inner === undefined) {
      const rows = fixedText.test(text) ? database.queryPrepared(text, values) : database.query(text, values);
      return { rows: await rows };
    }
    await database.transaction(() => database.execute(inner));
    return { rows: [] };
  };
  return new PgBoss({
    db: { executeSql },
    backend: database.engine,
    supervise: false,
    schedule: false,
    bamIntervalSeconds: ONE_HOUR,
    queueCacheIntervalSeconds: ONE_HOUR,
  });
}

interface QueueSettings {
  readonly retryLimit: number;
  readonly retryDelay: number;
  readonly retryBackoff: true;
  readonly expireInSeconds: number;
  readonly heartbeatSeconds: number;
  readonly deleteAfterSeconds: number;
}

function settingsOf(job: AnyJob): QueueSettings {
  return {
    retryLimit: job.retryLimit,
    retryDelay: job.retryDelaySeconds,
    retryBackoff: true,
    // The worker aborts at the timeout itself; the server's limit is only for a worker that can not.
    expireInSeconds: job.timeoutSeconds + 60,
    heartbeatSeconds: HEARTBEAT_SECONDS,
    deleteAfterSeconds: KEEP_FINISHED_SECONDS,
  };
}

/** Makes the queues that are missing and updates those whose definition changed. */
export async function syncQueues(boss: PgBoss, jobs: readonly AnyJob[]): Promise<void> {
  const known = new Map((await boss.getQueues()).map((queue) => [queue.name, queue]));
  for (const job of jobs) {
    const wanted = settingsOf(job);
    const found = known.get(job.name);
    if (found === undefined) await boss.createQueue(job.name, { ...wanted });
    else if (differs(found, wanted)) await boss.updateQueue(job.name, { ...wanted });
  }
}

function differs(found: object, wanted: QueueSettings): boolean {
  const current = found as Record<string, unknown>;
  return Object.entries(wanted).some(([key, value]) => current[key] !== value);
}
