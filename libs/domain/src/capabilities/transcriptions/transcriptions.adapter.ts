import { defineCapability } from '../../kernel/capability.js';
import { transcriptions } from './transcriptions.decider.js';
import { transcriptionEvents } from './transcriptions.events.js';

/** What the machinery is given of speech that is understood. */
export const transcriptionsCapability = defineCapability({
  name: 'transcriptions',
  events: transcriptionEvents,
  deciders: [transcriptions],
});
