import { defineReaction, type Effect } from '../../kernel/reaction.js';
import { streamIdOf } from '../../kernel/streams.js';
import type { CorpusEvent } from './corpora.events.js';

/** Questions that began before a swap still read the old vectors; none lasts longer than this. */
const UNDER_WAY_SECONDS = 120;

const job = (
  name: string,
  event: { readonly tenantId: string; readonly stream: string; readonly data: { readonly reembedId: string } },
  afterSeconds?: number,
): readonly Effect[] => [
  {
    kind: 'job',
    job: name,
    data: { tenantId: event.tenantId, streamId: streamIdOf(event.stream), reembedId: event.data.reembedId },
    ...(afterSeconds === undefined ? {} : { afterSeconds }),
  },
];

/** A corpus that is to have another model is embedded beside the one that it has, and what is of no use any more is dropped. */
export const corpusReactions = defineReaction<CorpusEvent>({
  name: 'corpora',
  from: 'beginning',
  on: {
    CorpusReembeddingStarted: (event) => job('corpora.reembed', event),
    CorpusEmbeddingChanged: (event) => job('corpora.drop-vectors', event, UNDER_WAY_SECONDS),
    CorpusReembeddingFailed: (event) => job('corpora.drop-vectors', event),
    CorpusDeleted: ({ tenantId, stream, position }) => [
      { kind: 'job', job: 'corpora.empty', data: { tenantId, streamId: streamIdOf(stream), position } },
    ],
  },
});
