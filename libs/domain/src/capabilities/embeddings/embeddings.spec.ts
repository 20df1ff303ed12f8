import { specify } from '../../kernel/testing/given.js';
import { embeddings } from './embeddings.decider.js';
import type { EmbeddingEvent } from './embeddings.events.js';

const data = {
  requestId: '01900000-0000-7000-8000-00000000000a',
  provider: 'hashing',
  model: 'hashing-v1',
  dimension: 384,
  inputs: 2,
  tokens: 9,
  tokensEstimated: true,
};
const created: EmbeddingEvent = { type: 'EmbeddingsCreated', data };

describe('vectors that a caller asked for', () => {
  it('are told of once, whatever is said later', () => {
    specify(embeddings).given().when({ type: 'RecordEmbeddings', data }).then(created);
    specify(embeddings)
      .given(created)
      .when({ type: 'RecordEmbeddings', data: { ...data, tokens: 10 } })
      .thenNothing();
  });
});
