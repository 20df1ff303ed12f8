import { defineReaction } from '../../kernel/reaction.js';
import type { AudioEvent } from './audio.events.js';

/** What was spoken is deleted after its time. */
export const audioReactions = defineReaction<AudioEvent>({
  name: 'audio',
  from: 'beginning',
  on: {
    AudioStored: ({ tenantId, data: { audioId, content, keptSeconds } }) => [
      {
        kind: 'job',
        job: 'audio.delete',
        data: { tenantId, audioId, contentId: content.id },
        afterSeconds: keptSeconds,
      },
    ],
  },
});
