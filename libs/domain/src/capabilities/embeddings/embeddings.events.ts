import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

export const embeddingEvents = defineEvents({
  /** Vectors were made for a caller. Neither its texts nor the vectors are kept. */
  EmbeddingsCreated: {
    version: 1,
    data: {
      requestId: t.uuid,
      provider: t.string,
      model: t.string,
      dimension: t.integer,
      inputs: t.integer,
      tokens: t.integer,
      /** True when they were counted by rule, not by the model. */
      tokensEstimated: t.boolean,
    },
    audit: {
      type: 'embeddings.created',
      category: 'run',
      outcome: 'success',
      resource: ['embeddings', 'requestId'],
      shows: ['provider', 'model', 'dimension', 'inputs', 'tokens', 'tokensEstimated'],
    },
  },
});

export type EmbeddingEvent = EventOf<typeof embeddingEvents>;
