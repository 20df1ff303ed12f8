import { isEmbeddingProvider } from '#domain/kernel/embedding.js';
import { defineConfig } from './define-config.js';
import { int, list, oneOf, secret, string, url } from './fields.js';

const HTTP = ['http://', 'https://'];

/** Accounts that models, embeddings, speech and retrieval of one vendor share. */
export const providersArea = defineConfig('providers', 'Accounts at the vendors of models.', {
  OPENAI_API_KEY: secret('The key of OpenAI, or of a server that speaks its API.'),
  OPENAI_BASE_URL: url('A server that speaks the API of OpenAI (Ollama, vLLM, a gateway) in its place.', HTTP),
  GOOGLE_CLOUD_PROJECT: string('The Google Cloud project of Vertex AI.'),
  GOOGLE_CLOUD_LOCATION: string('The Google Cloud location of Vertex AI, e.g. europe-west4.'),
  GOOGLE_APPLICATION_CREDENTIALS: string("A file of Google credentials; the machine's own without it."),
});

/** What makes vectors. */
export const embeddingArea = defineConfig(
  'embedding',
  'What turns texts into vectors. A corpus keeps the model it has.',
  {
    EMBEDDING_PROVIDER: oneOf(
      'The provider of new corpora: feature hashing in the process, the deterministic vectors of the contract, an OpenAI-compatible server, or Vertex AI.',
      ['hashing', 'fake', 'openai', 'vertex'],
      'hashing',
    ),
    OPENAI_EMBEDDING_MODEL: string('The model of the OpenAI-compatible server.', 'text-embedding-3-small'),
    OPENAI_EMBEDDING_BASE_URL: url('The server of embeddings, where it is another one than OPENAI_BASE_URL.', HTTP),
    OPENAI_EMBEDDING_API_KEY: secret('The key of that server, where it is another one than OPENAI_API_KEY.'),
    OPENAI_EMBEDDING_ENCODING: oneOf(
      'How vectors travel; servers that do not know base64 send numbers.',
      ['base64', 'float'],
      'base64',
    ),
    OPENAI_EMBEDDING_DIMENSIONS: oneOf(
      'Whether the length of vectors is asked for: only of models that are known to take it, always, or never.',
      ['auto', 'always', 'never'],
      'auto',
    ),
    VERTEX_EMBEDDING_MODEL: string('The model of Vertex AI.', 'text-embedding-004'),
    VERTEX_EMBEDDING_BASE_URL: url("A service endpoint in place of the location's own.", HTTP),
    EMBEDDING_DIMENSION: int('The length of vectors of new corpora; 0: as long as the model makes them.', {
      default: 0,
      min: 0,
      max: 4_000,
    }),
    EMBEDDING_MODELS: list(
      'Further models that a corpus may choose, as provider:model:dimension, e.g. openai:bge-m3:1024.',
    ),
    EMBEDDING_TIMEOUT_MS: int('The longest that one request for vectors may take.', {
      default: 30_000,
      min: 100,
      max: 600_000,
      unit: 'ms',
    }),
    EMBEDDING_PARALLEL: int('Requests for the vectors of one document that are under way at once.', {
      default: 4,
      min: 1,
      max: 64,
    }),
    EMBEDDING_BATCH_ITEMS: int('Most texts in one request; 0: as many as the provider is known to take.', {
      default: 0,
      min: 0,
      max: 2_048,
    }),
    EMBEDDING_INPUT_TOKENS: int('Tokens after which a text is cut; 0: as many as the model is known to read.', {
      default: 0,
      min: 0,
      max: 1_000_000,
    }),
  },
);

/** A model as EMBEDDING_MODELS names it: its name may hold colons. */
const NAMED = /^([a-z]+):(.+):(\d{1,4})$/;

export interface NamedModel {
  readonly provider: string;
  readonly model: string;
  readonly dimension: number;
}

export function namedModel(text: string): NamedModel | undefined {
  const [, provider = '', model = '', dimension = ''] = NAMED.exec(text) ?? [];
  return provider === '' ? undefined : { provider, model, dimension: Number(dimension) };
}

/** Names in EMBEDDING_MODELS that name nothing. */
export function embeddingProblems(embedding: { readonly EMBEDDING_MODELS: readonly string[] }): string[] {
  const wrong = embedding.EMBEDDING_MODELS.filter((text) => {
    const named = namedModel(text);
    return (
      named === undefined || !isEmbeddingProvider(named.provider) || named.dimension < 1 || named.dimension > 4_000
    );
  });
  return wrong.map((text) => `EMBEDDING_MODELS holds ${JSON.stringify(text)}, which is not provider:model:dimension`);
}
