import { defineCapability } from '../../kernel/capability.js';
import { audio, audioErrors } from './audio.decider.js';
import { audioEvents } from './audio.events.js';
import { deleteAudio } from './audio.handler.js';
import { audioRows } from './audio.projection.js';
import { audioReactions } from './audio.reactions.js';

/** What the machinery is given of spoken answers. */
export const audioCapability = defineCapability({
  name: 'audio',
  events: audioEvents,
  errors: audioErrors,
  deciders: [audio],
  projections: [audioRows],
  reactions: [audioReactions],
  jobs: [deleteAudio],
  namesContent: [{ projection: audioRows, column: 'content_id' }],
});
