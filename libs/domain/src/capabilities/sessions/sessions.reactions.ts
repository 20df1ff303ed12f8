import { defineReaction, type Effect } from '../../kernel/reaction.js';
import { streamIdOf } from '../../kernel/streams.js';
import type { SessionEvent } from './sessions.events.js';

/** A run that was under way when its session was deleted may still write: what it left goes after a while, and for good. */
const AGAIN_AFTER_S = [0, 120, 3_600] as const;

/** What was said in a deleted session is removed, and its key destroyed. */
export const sessionReactions = defineReaction<SessionEvent>({
  name: 'sessions',
  from: 'beginning',
  on: {
    SessionDeleted: ({ tenantId, stream, data }) =>
      AGAIN_AFTER_S.map((afterSeconds): Effect => {
        const job = { tenantId, streamId: streamIdOf(stream), session: data.session, life: data.life };
        return { kind: 'job', job: 'sessions.purge', data: job, afterSeconds };
      }),
  },
});
