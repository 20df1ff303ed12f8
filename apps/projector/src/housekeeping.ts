import { defineJob, type AnyJob } from '#domain/kernel/job.js';
import type { Platform } from '#infra/platform/platform.js';

const HOUR_MS = 3_600_000;
const FRAMES_KEPT_MS = 24 * HOUR_MS;

const byTheClock = { retryLimit: 1, retryDelaySeconds: 30, timeoutSeconds: 3_600, concurrency: 1 };

/** Work that no capability asks for: removing what is kept for a while only, and building indexes that became worth it. */
export function housekeepingJobs(platform: Platform): readonly AnyJob[] {
  return [
    defineJob({
      ...byTheClock,
      name: 'house.vector-indexes',
      cron: '*/5 * * * *',
      handle: async () => {
        await platform.vectorIndexes.ensure();
      },
    }),
    defineJob({
      ...byTheClock,
      name: 'house.prune-frames',
      cron: '7 * * * *',
      handle: async () => {
        const before = new Date(Date.now() - FRAMES_KEPT_MS);
        while ((await platform.streams.prune(before)) > 0);
      },
    }),
    defineJob({
      ...byTheClock,
      name: 'house.prune-idempotency',
      cron: '23 * * * *',
      handle: async () => {
        await platform.idempotency.purge();
      },
    }),
  ];
}
