import { defineReaction } from '../../kernel/reaction.js';
import type { RunEvent } from './runs.events.js';

/** The words of a run that is forgotten are removed. */
export const runReactions = defineReaction<RunEvent>({
  name: 'runs',
  from: 'beginning',
  on: {
    RunForgotten: ({ tenantId, data: { contentIds } }) => [
      { kind: 'job', job: 'runs.forget', data: { tenantId, contentIds } },
    ],
  },
});
