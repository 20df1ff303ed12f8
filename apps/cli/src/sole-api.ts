import type { Platform } from '#infra/platform/platform.js';
import { SessionLock } from '#infra/database/session-lock.js';

/** A killed predecessor's lock is gone within this time; a living one's is not. */
const PATIENCE_MS = 5_000;

const ALONE =
  'another api process works on this database, and without REDIS_URL the two would not share rate limits and quotas: set REDIS_URL for all of them, or stop the other one';
const WITHOUT =
  'an api process without REDIS_URL works on this database, which would not share its rate limits and quotas with this one: set REDIS_URL for all of them, or stop the other one';

/** Refuses a second api process where any of them has no Redis to count in. Release the result when this one ends. */
export async function soleApi({ config, database, options }: Platform): Promise<{ release(): Promise<void> }> {
  const alone = config.data.REDIS_URL === undefined;
  const message = alone ? ALONE : WITHOUT;
  const lock = await SessionLock.take(database, {
    name: 'nexusrag.api',
    mode: alone ? 'exclusive' : 'shared',
    patienceMs: PATIENCE_MS,
    onLost: () => options.onProblem(new Error(message), 'api processes'),
  });
  if (lock === undefined) throw new Error(message);
  return lock;
}
