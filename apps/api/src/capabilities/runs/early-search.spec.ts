import type { CorpusState } from '#domain/capabilities/corpora/corpora.decider.js';
import type { Question } from '#api/commands/questions.js';
import type { CorpusQuery, Retrieved } from '#infra/retrieval/found.js';
import { EarlySearch } from './early-search.adapter.js';

const question: Question = { sessionId: 's1', corpusId: 'c1', message: 'Which kettle?', topK: null, audio: false };
const corpusOf = (retrieval: object) =>
  ({ status: 'active', providerConfig: { retrieval }, embedding: null }) as unknown as CorpusState;
const ours = corpusOf({ provider: 'local_pgvector', top_k_default: 3 });
const theirs = corpusOf({ provider: 'aws_bedrock_kb', knowledge_base_id: 'KB', region: 'eu-west-1' });

function searching({ taken = 0, fails = false } = {}) {
  const asked: CorpusQuery[] = [];
  const search = (query: CorpusQuery): Promise<Retrieved> => {
    asked.push(query);
    return fails ? Promise.reject(new Error('away')) : Promise.resolve({ passages: [] } as unknown as Retrieved);
  };
  return { asked, early: new EarlySearch({ search }, { taken }) };
}

describe('a search on what is remembered of a corpus', () => {
  it('asks what the run would ask', () => {
    const { asked, early } = searching();
    expect(early.begin(question, ours, undefined, 't1')?.corpus).toBe(ours);
    expect(asked).toMatchObject([{ tenantId: 't1', corpusId: 'c1', query: 'Which kettle?', k: 3, embedding: null }]);
  });

  it.each([
    ['nothing is remembered', question, undefined, {}],
    ['its passages are elsewhere', question, theirs, {}],
    ['there is no such corpus', question, { status: 'absent' } as CorpusState, {}],
    ['the question is spoken', { ...question, speech: {} as Question['speech'] }, ours, {}],
    ['another run is under way', question, ours, { taken: 1 }],
  ])('is not made where %s', (_, asking, corpus, options) => {
    const { asked, early } = searching(options);
    expect(early.begin(asking, corpus, undefined, 't1')).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it('is made by one at a time', async () => {
    const { asked, early } = searching();
    const first = early.begin(question, ours, undefined, 't1');
    expect(early.begin(question, ours, undefined, 't2')).toBeUndefined();
    await first?.retrieved;
    expect(early.begin(question, ours, undefined, 't2')).toBeDefined();
    expect(asked.map(({ tenantId }) => tenantId)).toEqual(['t1', 't2']);
  });

  it('fails for the run alone', async () => {
    const { early } = searching({ fails: true });
    const found = early.begin(question, ours, undefined, 't1');
    await new Promise((resolve) => setImmediate(resolve));
    await expect(found?.retrieved).rejects.toThrow('away');
  });
});
