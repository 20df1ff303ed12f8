import { defineReaction, type Effect } from '../../kernel/reaction.js';
import type { WriteFreezeEvent } from './write-freeze.events.js';

const apply = (): readonly Effect[] => [{ kind: 'job', job: 'write-freeze.apply', data: {} }];

/** What was decided is carried out also when the process that decided it died. */
export const writeFreezeReactions = defineReaction<WriteFreezeEvent>({
  name: 'write-freeze',
  from: 'now',
  on: { WritesFrozen: apply, WritesThawed: apply },
});
