import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

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
});

export type CorpusEvent = EventOf<typeof corpusEvents>;
