import type { EmbeddingChoice, EmbeddingProvider } from '#domain/kernel/embedding.js';

/** What is known of a model without asking its provider. */
export interface ModelFacts {
  /** Of its vectors when nothing else is asked for; undefined when it must be told. */
  readonly dimension: number | undefined;
  /** Gives shorter vectors when asked to. */
  readonly resizable: boolean;
  /** The longest input it reads. */
  readonly inputTokens: number;
  /** Whose words are counted by OpenAI's `cl100k_base`; of others by rule. */
  readonly counted: boolean;
  /** Most inputs and tokens of one request. */
  readonly items: number;
  readonly tokens: number;
}

const openAi: ModelFacts = {
  dimension: undefined,
  resizable: false,
  inputTokens: 8_191,
  counted: false,
  items: 128,
  tokens: 100_000,
};
const vertex: ModelFacts = {
  dimension: undefined,
  resizable: true,
  inputTokens: 2_048,
  counted: false,
  items: 100,
  tokens: 16_000,
};

/** A server behind an OpenAI-compatible address may hold any model: what it must know of one is configured. */
const known: Readonly<Record<'openai' | 'vertex', Readonly<Record<string, ModelFacts>>>> = {
  openai: {
    'text-embedding-3-small': { ...openAi, dimension: 1_536, resizable: true, counted: true },
    'text-embedding-3-large': { ...openAi, dimension: 3_072, resizable: true, counted: true },
    'text-embedding-ada-002': { ...openAi, dimension: 1_536, counted: true },
  },
  vertex: {
    'text-embedding-004': { ...vertex, dimension: 768 },
    'text-embedding-005': { ...vertex, dimension: 768 },
    'text-multilingual-embedding-002': { ...vertex, dimension: 768 },
    'gemini-embedding-001': { ...vertex, dimension: 3_072, items: 1 },
  },
};

export function modelFacts(provider: 'openai' | 'vertex', model: string): ModelFacts {
  const found = Object.hasOwn(known[provider], model) ? known[provider][model] : undefined;
  if (found !== undefined) return found;
  if (provider === 'openai') return openAi;
  return model.startsWith('gemini') ? { ...vertex, items: 1 } : vertex;
}

export const HASHING_MODEL = 'hashing-v1';
export const FAKE_MODEL = 'fake-v1';
export const FAKE_DIMENSION = 768;
export const HASHING_DIMENSION = 384;
/** Longer vectors have no index. */
export const LONGEST_DIMENSION = 4_000;

const HASHING_SPACE = 'hashing-v1-3-4-0.5';

/** The name of the space that a choice's vectors are in; with the dimension it is the whole of it. */
export function spaceNameOf({ provider, model }: Pick<EmbeddingChoice, 'provider' | 'model'>): string {
  return provider === 'hashing' ? HASHING_SPACE : `${provider}:${model}`;
}

/** The choice that a space was made by; undefined for a name that no provider gives. */
export function choiceOfSpace(name: string, dimension: number): EmbeddingChoice | undefined {
  if (name === HASHING_SPACE) return { provider: 'hashing', model: HASHING_MODEL, dimension };
  const [provider, model] = split(name);
  const named: readonly EmbeddingProvider[] = ['fake', 'openai', 'vertex'];
  const found = named.find((candidate) => candidate === provider);
  return found === undefined || model === '' ? undefined : { provider: found, model, dimension };
}

function split(name: string): [string, string] {
  const at = name.indexOf(':');
  return at < 0 ? [name, ''] : [name.slice(0, at), name.slice(at + 1)];
}
