import { defineCapability } from '../../kernel/capability.js';
import { embeddings } from './embeddings.decider.js';
import { embeddingEvents } from './embeddings.events.js';

/** What the machinery is given of vectors that callers ask for. */
export const embeddingsCapability = defineCapability({
  name: 'embeddings',
  events: embeddingEvents,
  deciders: [embeddings],
});
