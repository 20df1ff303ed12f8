import { isRefusal } from '../../kernel/errors.js';
import { recorded, specify } from '../../kernel/testing/given.js';
import { foldRow } from '../../kernel/projection.js';
import { corpora, corpusErrors } from './corpora.decider.js';
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

  it('keeps keys that it does not know', () => {
    const config = normaliseProviderConfig({ retrieval: { provider: 'local_pgvector', note: 'x' }, extra: 1 });
    expect(isRefusal(config)).toBe(false);
    expect(config).toEqual({ retrieval: { provider: 'local_pgvector', note: 'x', top_k_default: 5 }, extra: 1 });
  });
});
