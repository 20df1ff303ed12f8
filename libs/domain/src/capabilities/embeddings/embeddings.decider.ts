import { defineDecider } from '../../kernel/decider.js';
import type { EmbeddingEvent } from './embeddings.events.js';

export interface RecordEmbeddings {
  readonly type: 'RecordEmbeddings';
  readonly data: EmbeddingEvent['data'];
}

/** One stream a request: it is told once. */
export const embeddings = defineDecider<RecordEmbeddings, EmbeddingEvent, { readonly told: boolean }>({
  category: 'embeddings',
  initial: { told: false },
  decide: ({ data }, { told }) => (told ? [] : [{ type: 'EmbeddingsCreated', data }]),
  evolve: () => ({ told: true }),
});
