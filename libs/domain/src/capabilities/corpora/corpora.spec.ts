import { isRefusal } from '../../kernel/errors.js';
import { fold } from '../../kernel/decider.js';
import { fixedFacts, recorded, specify } from '../../kernel/testing/given.js';
import { foldRow } from '../../kernel/projection.js';
import { corpora, corpusErrors, type CorpusCommand } from './corpora.decider.js';
import type { CorpusEvent } from './corpora.events.js';
import { corpusRows } from './corpora.projection.js';
import { normaliseProviderConfig, providerConfigErrors } from './provider-config.decider.js';

const local = { retrieval: { provider: 'local_pgvector', top_k_default: 5 } } as const;
const created: CorpusEvent = { type: 'CorpusCreated', data: { corpusId: 'c1', name: 'Demo', providerConfig: local } };
const create = { type: 'CreateCorpus', data: { corpusId: 'c1', name: 'Demo', providerConfig: {} } } as const;

describe('a corpus', () => {
  it('is created with local retrieval when nothing else is asked for', () => {
    specify(corpora).given().when(create).then(created);
  });

  it('is not created twice', () => {
    specify(corpora).given(created).when(create).refuses(corpusErrors.exists);
  });

  it('is patched field by field', () => {
    specify(corpora)
      .given(created)
      .when({ type: 'UpdateCorpus', data: { name: 'New' } })
      .then({ type: 'CorpusUpdated', data: { corpusId: 'c1', name: 'New' } });
  });

  it('is not patched before it exists', () => {
    specify(corpora).given().when({ type: 'UpdateCorpus', data: {} }).refuses(corpusErrors.notFound);
  });

  it('keeps the fields that a patch leaves out in its row', () => {
    const row = foldRow(corpusRows, recorded(created), undefined);
    const patched = foldRow(
      corpusRows,
      recorded({ type: 'CorpusUpdated', data: { corpusId: 'c1', name: 'New' } }),
      row,
    );
    expect(patched).toMatchObject({ name: 'New', provider_config_json: local });
  });
});

describe('a deleted corpus', () => {
  const remove = { type: 'DeleteCorpus', data: {} } as const;
  const emptied = { type: 'CompleteEmptying', data: {} } as const;
  const deletion: CorpusEvent = { type: 'CorpusDeleted', data: { corpusId: 'c1' } };
  const emptying: CorpusEvent = { type: 'CorpusEmptied', data: { corpusId: 'c1' } };

  it('is gone at once, and is not deleted twice', () => {
    specify(corpora).given(created).when(remove).then(deletion);
    specify(corpora).given(created, deletion).when(remove).refuses(corpusErrors.notFound);
    specify(corpora).given(created, deletion).when({ type: 'UpdateCorpus', data: {} }).refuses(corpusErrors.notFound);
    specify(corpora).given().when(remove).refuses(corpusErrors.notFound);
    const row = foldRow(corpusRows, recorded(created), undefined);
    expect(foldRow(corpusRows, recorded(deletion), row)).toBeUndefined();
  });

  it('gives its id to another one only when nothing of it is left', () => {
    specify(corpora).given(created, deletion).when(create).refuses(corpusErrors.emptying);
    specify(corpora).given(created, deletion).when(emptied).then(emptying);
    specify(corpora).given(created, deletion, emptying).when(create).then(created);
  });

  it('is emptied once, and never another one of its id', () => {
    specify(corpora).given(created, deletion, emptying).when(emptied).thenNothing();
    specify(corpora).given(created, deletion, emptying, created).when(emptied).thenNothing();
  });
});

describe('a provider configuration', () => {
  it.each([
    [{ other: 1 }, 'retrieval config missing'],
    [{ retrieval: [] }, 'retrieval config must be an object'],
    [{ retrieval: { provider: 'toString' } }, 'unsupported retrieval provider'],
    [{ retrieval: { provider: 'aws_bedrock_kb', region: 'r' } }, 'knowledge_base_id and region are required'],
    [{ retrieval: { provider: 'gcp_vertex' } }, 'project, location, and resource_id are required'],
    [{ retrieval: { provider: 'local_pgvector', top_k_default: true } }, 'top_k_default must be an integer'],
    [{ retrieval: { provider: 'local_pgvector', top_k_default: 0 } }, 'top_k_default must be between 1 and 50'],
    [{ retrieval: { provider: 'local_pgvector', top_k_default: 1.5 } }, 'top_k_default must be an integer'],
    [
      { retrieval: { provider: 'local_pgvector', vector_weight: 1.1 } },
      'vector_weight must be a number between 0 and 1',
    ],
    [{ retrieval: { provider: 'local_pgvector', min_score: '0' } }, 'min_score must be a number between 0 and 1'],
    [{ retrieval: { provider: 'local_pgvector', fusion: 'max' } }, 'fusion must be weighted or rrf'],
    [{ retrieval: { provider: 'local_pgvector', rrf_k: 0 } }, 'rrf_k must be between 1 and 1000'],
    [{ retrieval: { provider: 'local_pgvector', rerank: 1 } }, 'rerank must be an object, true or false'],
    [
      { retrieval: { provider: 'local_pgvector', rerank: { url: 'ftp://x' } } },
      'rerank.url must be an http or https address',
    ],
    [
      { retrieval: { provider: 'local_pgvector', rerank: { url: 'https://a:b@x/rerank' } } },
      'rerank.url must be an http or https address',
    ],
    [{ retrieval: { provider: 'local_pgvector', rerank: { top_n: 51 } } }, 'rerank.top_n must be between 1 and 50'],
    [
      { retrieval: { provider: 'aws_bedrock_kb', knowledge_base_id: 'KB', region: 'x.evil.example/' } },
      'region has characters that it may not have',
    ],
  ])('is refused with its reason: %j', (config, reason) => {
    expect(normaliseProviderConfig(config)).toEqual({ refused: providerConfigErrors.invalid, details: { reason } });
  });

  it.each([
    [[], ['generation'], 'generation must be an object'],
    [{ chain: [] }, ['generation', 'chain'], 'generation.chain must be a list of 1 to 10 models'],
    [{ chain: 'openai' }, ['generation', 'chain'], 'generation.chain must be a list of 1 to 10 models'],
    [{ chain: ['openai', 1] }, ['generation', 'chain', 1], 'generation.chain must hold names of models'],
    [{ temperature: 2.1 }, ['generation', 'temperature'], 'generation.temperature must be a number between 0 and 2'],
    [{ temperature: '1' }, ['generation', 'temperature'], 'generation.temperature must be a number between 0 and 2'],
    [
      { max_output_tokens: 0.5 },
      ['generation', 'max_output_tokens'],
      'generation.max_output_tokens must be an integer between 1 and 1000000',
    ],
  ])('is refused for the field of the generation that is wrong: %j', (generation, path, reason) => {
    expect(normaliseProviderConfig({ ...local, generation })).toEqual({
      refused: providerConfigErrors.invalid,
      details: {
        reason,
        errors: [{ type: 'value_error', loc: ['body', 'provider_config_json', ...path], msg: reason }],
      },
    });
  });

  it('keeps a generation that is as it must be', () => {
    const generation = { chain: ['openai:gpt-4o-mini'], temperature: 0, max_output_tokens: 1, note: 'mine' };
    expect(normaliseProviderConfig({ ...local, generation })).toEqual({ ...local, generation });
    expect(normaliseProviderConfig({ ...local, generation: null })).toEqual({ ...local, generation: null });
  });

  it('keeps keys that it does not know', () => {
    const config = normaliseProviderConfig({ retrieval: { provider: 'local_pgvector', note: 'x' }, extra: 1 });
    expect(isRefusal(config)).toBe(false);
    expect(config).toEqual({ retrieval: { provider: 'local_pgvector', note: 'x', top_k_default: 5 }, extra: 1 });
  });
});

describe('the model of a corpus', () => {
  const hashing = { provider: 'hashing', model: 'hashing-v1', dimension: 384 } as const;
  const openai = { provider: 'openai', model: 'text-embedding-3-small', dimension: 1_536 } as const;
  const reembedId = '00000000-0000-7000-8000-000000000001';
  const chosen: CorpusEvent = { type: 'CorpusEmbeddingChosen', data: { corpusId: 'c1', embedding: hashing } };
  const started: CorpusEvent = {
    type: 'CorpusReembeddingStarted',
    data: { corpusId: 'c1', reembedId, embedding: openai },
  };
  const changed: CorpusEvent = {
    type: 'CorpusEmbeddingChanged',
    data: { corpusId: 'c1', reembedId, embedding: openai, versions: 2, chunks: 5 },
  };
  const toOpenAi = { type: 'UpdateCorpus', data: { embedding: { choice: openai, serving: hashing } } } as const;
  const complete = { type: 'CompleteReembedding', data: { reembedId, versions: 2, chunks: 5 } } as const;
  const fail = { type: 'FailReembedding', data: { reembedId, reason: 'EMBEDDING_AUTH_ERROR' } } as const;
  const row = (...events: CorpusEvent[]) => {
    let at = foldRow(corpusRows, recorded(created), undefined);
    for (const event of events) at = foldRow(corpusRows, recorded(event), at ?? undefined);
    return at;
  };

  it('is chosen when it is made', () => {
    specify(corpora)
      .given()
      .when({ ...create, data: { ...create.data, embedding: hashing } })
      .then(created, chosen);
  });

  it('is changed by embedding all anew, which a patch of nothing else tells by that event alone', () => {
    const [event] = decided(toOpenAi, created, chosen);
    expect(event).toMatchObject({ type: 'CorpusReembeddingStarted', data: { corpusId: 'c1', embedding: openai } });
    const both = decided({ ...toOpenAi, data: { ...toOpenAi.data, name: 'New' } }, created, chosen);
    expect(both.map(({ type }) => type)).toEqual(['CorpusUpdated', 'CorpusReembeddingStarted']);
  });

  it('of a corpus from before is recorded with what answers when it is changed', () => {
    expect(decided(toOpenAi, created).map(({ type }) => type)).toEqual([
      'CorpusEmbeddingChosen',
      'CorpusReembeddingStarted',
    ]);
  });

  it('is not embedded anew with what it has, nor with two others at once', () => {
    const same = { type: 'UpdateCorpus', data: { embedding: { choice: hashing, serving: hashing } } } as const;
    expect(decided(same, created, chosen).map(({ type }) => type)).toEqual(['CorpusUpdated']);
    expect(decided(toOpenAi, created, chosen, started).map(({ type }) => type)).toEqual(['CorpusUpdated']);
    specify(corpora).given(created, chosen, started).when(same).refuses(corpusErrors.reembedding);
  });

  it('is swapped once, by the job that is under way', () => {
    specify(corpora).given(created, chosen, started).when(complete).then(changed);
    specify(corpora).given(created, chosen, started, changed).when(complete).then();
    specify(corpora).given(created, chosen, started, changed).when(fail).then();
  });

  it('stays what it was when the other one comes to nothing, and says why', () => {
    const failed: CorpusEvent = {
      type: 'CorpusReembeddingFailed',
      data: { corpusId: 'c1', reembedId, embedding: openai, reason: 'EMBEDDING_AUTH_ERROR' },
    };
    specify(corpora).given(created, chosen, started).when(fail).then(failed);
    expect(row(chosen, started)).toMatchObject({ embedding: hashing, reembedding: openai });
    expect(row(chosen, started, failed)).toMatchObject({
      embedding: hashing,
      reembedding: null,
      reembedding_failure: { embedding: openai, reason: 'EMBEDDING_AUTH_ERROR' },
    });
    expect(row(chosen, started, changed)).toMatchObject({ embedding: openai, reembedding: null });
  });
});

function decided(command: CorpusCommand, ...history: readonly CorpusEvent[]): readonly CorpusEvent[] {
  const decision = corpora.decide(command, fold(corpora, history), fixedFacts);
  if (isRefusal(decision)) throw new Error(decision.refused.code);
  return decision;
}
