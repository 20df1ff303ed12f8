import { defineJob } from '../../kernel/job.js';
import { sessions, sessionSubject } from './sessions.decider.js';
import type { SessionPorts } from './sessions.ports.js';

export type PurgeSessionData = {
  readonly tenantId: string;
  readonly streamId: string;
  readonly session: string;
  readonly life: number;
};

/** Destroys the key of a deleted life first: from then on nothing that was said in it can be read, wherever copies are. */
export const purgeSession = defineJob<PurgeSessionData, SessionPorts>({
  name: 'sessions.purge',
  retryLimit: 10,
  retryDelaySeconds: 2,
  timeoutSeconds: 300,
  concurrency: 2,
  handle: async ({ data: { tenantId, streamId, session, life } }, ports) => {
    const { deletions } = await ports.commands.load(sessions, tenantId, streamId);
    if (life >= deletions) return;
    const subject = sessionSubject(tenantId, session, life);
    await ports.keys.destroy(subject);
    await ports.content.deleteOf(subject);
  },
});
