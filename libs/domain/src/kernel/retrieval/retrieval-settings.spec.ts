import { effectiveTopK, retrievalSettings } from './retrieval-settings.js';

const local = (more: object) => ({ retrieval: { provider: 'local_pgvector', ...more } });

describe('how many passages are asked for', () => {
  it('is what the request says, else what the corpus says, else 5', () => {
    expect(effectiveTopK(7, local({ top_k_default: 3 }))).toBe(7);
    expect(effectiveTopK(null, local({ top_k_default: 3 }))).toBe(3);
    expect(effectiveTopK(undefined, {})).toBe(5);
  });

  it('is 50 at the most, and 50 when that is asked for', () => {
    expect(effectiveTopK(50, {})).toBe(50);
    expect(effectiveTopK(51, {})).toBe(50);
    expect(effectiveTopK(0, {})).toBe(1);
  });
});

describe('the retrieval settings of a corpus', () => {
  it('take an old configuration that was never checked as far as it makes sense', () => {
    const config = local({ top_k_default: true, fusion: 'max', vector_weight: 'x', rerank: { url: 1, top_n: 3 } });
    expect(retrievalSettings(config)).toEqual({
      provider: 'local_pgvector',
      options: config.retrieval,
      topK: 5,
      minScore: 0,
      rerank: { topN: 3 },
    });
    expect(retrievalSettings({ retrieval: 'x' })).toEqual({ provider: undefined, options: {}, topK: 5, minScore: 0 });
  });
});
