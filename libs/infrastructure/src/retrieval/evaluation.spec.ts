import { evaluate, indexedText, rankedDocuments } from './evaluation.js';
import { confidence, feedbackSize, fuse, type Candidate } from './fusion.js';

const graded = (grades: Record<string, number>): Map<string, Map<string, number>> =>
  new Map([['q', new Map(Object.entries(grades))]]);
const search =
  (...ids: string[]) =>
  async () =>
    ids.map((documentId, at) => ({ documentId, score: 1 - at / 100 }));

describe('evaluation', () => {
  const queries = [
    { id: 'q', text: 'question' },
    { id: 'unjudged', text: 'other' },
  ];

  it('gives a perfect ranking one in every measure, and leaves out queries without judgements', async () => {
    const result = await evaluate({ queries, qrels: graded({ a: 2, b: 1 }) }, search('a', 'b', 'c'));
    expect(result).toEqual({ queries: 1, ndcg10: 1, recall10: 1, mrr: 1 });
  });

  it('discounts by the logarithm of the place', async () => {
    const result = await evaluate({ queries, qrels: graded({ a: 1, b: 1 }) }, search('x', 'a'));
    expect(result.ndcg10).toBeCloseTo(1 / Math.log2(3) / (1 + 1 / Math.log2(3)), 10);
    expect(result).toMatchObject({ recall10: 0.5, mrr: 0.5 });
  });

  it('ranks a document by its best passage', () => {
    const found = [
      { documentId: 'a', score: 0.2 },
      { documentId: 'b', score: 0.5 },
      { documentId: 'a', score: 0.9 },
    ];
    expect(rankedDocuments(found)).toEqual(['a', 'b']);
  });

  it('indexes a title once', () => {
    expect(indexedText({ title: 'On flow', text: 'on\nflow and more' })).toBe('on\nflow and more');
    expect(indexedText({ title: 'On flow', text: 'More' })).toBe('On flow\n\nMore');
  });
});

describe('fusion', () => {
  const candidate = (chunkId: string, cosine: number | null, bm25: number): Candidate => ({
    versionNo: '1',
    ordinal: 0,
    chunkId,
    cosine,
    bm25,
  });

  const weighted = { vectorWeight: 0.3, fusion: 'weighted', rrfK: 60 } as const;
  const byRanks = { vectorWeight: 0.5, fusion: 'rrf', rrfK: 60 } as const;

  it('goes by ranks alone where that is asked for', () => {
    const fused = fuse([candidate('a', 0.9, 0), candidate('b', 0.1, 1), candidate('c', 0.2, 900)], byRanks, 1_000);
    expect(fused.map(({ chunkId }) => chunkId)).toEqual(['c', 'b', 'a']);
    const near = (rank: number): number => 61 / (60 + rank) / 2;
    expect(fused.map(({ rank }) => rank)).toEqual([near(2) + near(1), near(3) + near(2), near(1)]);
  });

  it('gives equal values one rank', () => {
    const fused = fuse([candidate('a', 0.5, 2), candidate('b', 0.5, 2), candidate('c', 0.4, 1)], byRanks, 4);
    expect(fused.map(({ rank }) => rank)).toEqual([1, 1, 61 / 63]);
  });

  it('never lets a value that is not a number become a score', () => {
    const fused = fuse([candidate('a', Number.NaN, Number.NaN), candidate('b', null, Infinity)], weighted, Number.NaN);
    for (const { rank, vectorScore, lexicalScore } of fused)
      expect([rank, vectorScore, lexicalScore]).toEqual([0, 0, 0]);
    expect(confidence(fused, 0.3)).toBe(0);
  });

  it('breaks ties by chunk id', () => {
    const fused = fuse([candidate('b', 0.5, 1), candidate('a', 0.5, 1)], weighted, 2);
    expect(fused.map(({ chunkId }) => chunkId)).toEqual(['a', 'b']);
  });

  it('asks no feedback of a corpus of few chunks', () => {
    expect([0, 19, 40, 100, 10_000].map((chunks) => feedbackSize(chunks, 5))).toEqual([0, 0, 2, 5, 5]);
  });
});
