import type { Json, JsonObject } from '../schema.js';

export const retrievalProviders = ['local_pgvector', 'aws_bedrock_kb', 'gcp_vertex'] as const;
export type RetrievalProvider = (typeof retrievalProviders)[number];

export const DEFAULT_TOP_K = 5;
export const MAX_TOP_K = 50;

/** How the two legs of local search become one order. */
export type Fusion = 'weighted' | 'rrf';

/** What a corpus says of its second look at candidates. */
export interface RerankSettings {
  /** Another endpoint than the configured one. */
  readonly url?: string;
  readonly model?: string;
  /** The most passages that are left after it. */
  readonly topN?: number;
  /** How many candidates it looks at. */
  readonly candidates?: number;
}

/** The `retrieval` part of a corpus's configuration, read. */
export interface RetrievalSettings {
  /** Undefined where the configuration names none that we know. */
  readonly provider: RetrievalProvider | undefined;
  /** What the provider itself must be told, e.g. its region. */
  readonly options: JsonObject;
  readonly topK: number;
  readonly vectorWeight?: number;
  readonly fusion?: Fusion;
  readonly rrfK?: number;
  /** Passages with a lower score are left out. */
  readonly minScore: number;
  /** Undefined: as the server is configured; false: never. */
  readonly rerank?: RerankSettings | false;
}

/** Reads a stored configuration; what is not as it must be counts as absent. */
export function retrievalSettings(config: JsonObject): RetrievalSettings {
  const options = objectOf(config['retrieval']) ?? {};
  const provider = retrievalProviders.find((each) => each === options['provider']);
  const fusion = options['fusion'];
  const rerank = rerankSettings(options['rerank']);
  return {
    provider,
    options,
    topK: bounded(options['top_k_default'], DEFAULT_TOP_K),
    minScore: numberOf(options['min_score']) ?? 0,
    ...optional('vectorWeight', numberOf(options['vector_weight'])),
    ...optional('fusion', fusion === 'weighted' || fusion === 'rrf' ? fusion : undefined),
    ...optional('rrfK', numberOf(options['rrf_k'])),
    ...optional('rerank', rerank),
  };
}

/** How many passages are asked for: the request's number, else the corpus's, else 5; never more than 50. */
export function effectiveTopK(asked: number | null | undefined, config: JsonObject): number {
  return bounded(asked ?? undefined, retrievalSettings(config).topK);
}

function rerankSettings(value: Json | undefined): RerankSettings | false | undefined {
  if (value === false) return false;
  const said = value === true ? {} : objectOf(value);
  if (said === undefined) return undefined;
  const { url, model } = said;
  return {
    ...optional('url', typeof url === 'string' ? url : undefined),
    ...optional('model', typeof model === 'string' ? model : undefined),
    ...optional('topN', numberOf(said['top_n'])),
    ...optional('candidates', numberOf(said['candidates'])),
  };
}

export function objectOf(value: Json | undefined): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

function numberOf(value: Json | undefined): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function bounded(value: Json | undefined, otherwise: number): number {
  const number = numberOf(value) ?? otherwise;
  return Math.min(MAX_TOP_K, Math.max(1, Math.trunc(number)));
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]: V });
}
