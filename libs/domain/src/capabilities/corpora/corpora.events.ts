import { defineEvents, type EventOf } from '../../kernel/events.js';
import { embeddingProviders } from '../../kernel/embedding.js';
import { t } from '../../kernel/schema.js';

/** What makes the vectors of a corpus. */
const embedding = t.object({ provider: t.oneOf(...embeddingProviders), model: t.string, dimension: t.integer });

const resource = ['corpus', 'corpusId'] as const;

export const corpusEvents = defineEvents({
  CorpusCreated: {
    version: 1,
    data: { corpusId: t.string, name: t.string, providerConfig: t.jsonObject },
    audit: { type: 'corpora.created', category: 'data', outcome: 'success', resource, shows: ['name'] },
  },
  CorpusUpdated: {
    version: 1,
    data: { corpusId: t.string, name: t.optional(t.string), providerConfig: t.optional(t.jsonObject) },
    audit: {
      type: 'corpora.updated',
      category: 'data',
      outcome: 'success',
      resource,
      shows: ['name', 'providerConfig'],
    },
  },
  CorpusEmbeddingChosen: {
    version: 1,
    data: { corpusId: t.string, embedding },
    audit: { type: 'corpora.embedding.chosen', category: 'data', outcome: 'success', resource, shows: ['embedding'] },
  },
  CorpusReembeddingStarted: {
    version: 1,
    data: { corpusId: t.string, reembedId: t.uuid, embedding },
    audit: {
      type: 'corpora.reembedding.started',
      category: 'data',
      outcome: 'success',
      resource,
      shows: ['reembedId', 'embedding'],
    },
  },
  /** From here on questions are answered from the vectors of the new model. */
  CorpusEmbeddingChanged: {
    version: 1,
    data: { corpusId: t.string, reembedId: t.uuid, embedding, versions: t.integer, chunks: t.integer },
    audit: {
      type: 'corpora.embedding.changed',
      category: 'data',
      outcome: 'success',
      resource,
      shows: ['reembedId', 'embedding', 'versions', 'chunks'],
    },
  },
  CorpusReembeddingFailed: {
    version: 1,
    data: { corpusId: t.string, reembedId: t.uuid, embedding, reason: t.string },
    audit: {
      type: 'corpora.reembedding.failed',
      category: 'data',
      outcome: 'failure',
      resource,
      shows: ['reembedId', 'embedding', 'reason'],
    },
  },
  /** From here on nobody can ask it or write to it; its documents go after it. */
  CorpusDeleted: {
    version: 1,
    data: { corpusId: t.string },
    audit: { type: 'corpora.deleted', category: 'data', outcome: 'success', resource },
  },
  /** Nothing of it is left, so that another corpus may have its id. */
  CorpusEmptied: {
    version: 1,
    data: { corpusId: t.string },
    audit: { type: 'corpora.emptied', category: 'data', outcome: 'success', resource },
  },
});

export type CorpusEvent = EventOf<typeof corpusEvents>;
