import { defineJob } from '../../kernel/job.js';
import type { ContentPort } from '../../kernel/ports.js';

export type ForgetRunData = { readonly tenantId: string; readonly contentIds: readonly string[] };

/** Removes what was asked and answered; what the log holds of it stays provable. */
export const forgetRun = defineJob<ForgetRunData, { readonly content: ContentPort }>({
  name: 'runs.forget',
  retryLimit: 10,
  retryDelaySeconds: 2,
  timeoutSeconds: 60,
  concurrency: 2,
  handle: async ({ data: { tenantId, contentIds } }, { content }) => {
    for (const id of contentIds) await content.delete(tenantId, id);
  },
});
