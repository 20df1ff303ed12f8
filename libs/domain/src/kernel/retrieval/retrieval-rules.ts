import type { Json, JsonObject } from '../schema.js';
import { MAX_TOP_K, objectOf, type RetrievalProvider } from './retrieval-settings.js';

/** One rule of a configuration: the reason why it does not hold, or undefined. */
type Rule = (retrieval: JsonObject) => string | undefined;

const requiredFields: Readonly<Record<RetrievalProvider, readonly string[]>> = {
  local_pgvector: [],
  aws_bedrock_kb: ['knowledge_base_id', 'region'],
  gcp_vertex: ['project', 'location', 'resource_id'],
};

/** These become parts of a host's name and of a path, so that nothing else may stand in them. */
const addressParts: Readonly<Record<string, RegExp>> = {
  knowledge_base_id: /^[A-Za-z0-9-]{1,128}$/,
  region: /^[a-z0-9-]{1,64}$/,
  project: /^[a-z0-9.:-]{1,128}$/,
  location: /^[a-z0-9-]{1,64}$/,
  resource_id: /^[A-Za-z0-9_-]{1,128}$/,
};

const rules: readonly Rule[] = [
  providerRule,
  whole('top_k_default', 1, MAX_TOP_K),
  real('vector_weight'),
  real('min_score'),
  ({ fusion }) =>
    fusion === undefined || fusion === 'weighted' || fusion === 'rrf' ? undefined : 'fusion must be weighted or rrf',
  whole('rrf_k', 1, 1_000),
  rerankRule,
];

/** Why the `retrieval` part of a corpus's configuration is refused; undefined when it is not. */
export function retrievalProblem(retrieval: JsonObject): string | undefined {
  for (const rule of rules) {
    const problem = rule(retrieval);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function providerRule(retrieval: JsonObject): string | undefined {
  const provider = retrieval['provider'];
  if (typeof provider !== 'string' || !Object.hasOwn(requiredFields, provider)) return 'unsupported retrieval provider';
  const required = requiredFields[provider as RetrievalProvider];
  const given = required.map((field) => [field, textOf(retrieval[field])] as const);
  if (given.some(([, text]) => text === '')) return `${listOf(required)} are required`;
  const [odd] = given.find(([field, text]) => addressParts[field]?.test(text) !== true) ?? [];
  return odd === undefined ? undefined : `${odd} has characters that it may not have`;
}

function whole(name: string, least: number, most: number): Rule {
  return (retrieval) => {
    const value = retrieval[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) return `${name} must be an integer`;
    return value < least || value > most ? `${name} must be between ${least} and ${most}` : undefined;
  };
}

function real(name: string): Rule {
  return (retrieval) => {
    const value = retrieval[name];
    if (value === undefined || value === null) return undefined;
    const fits = typeof value === 'number' && value >= 0 && value <= 1;
    return fits ? undefined : `${name} must be a number between 0 and 1`;
  };
}

function rerankRule({ rerank }: JsonObject): string | undefined {
  if (rerank === undefined || rerank === null || typeof rerank === 'boolean') return undefined;
  const said = objectOf(rerank);
  if (said === undefined) return 'rerank must be an object, true or false';
  if (!isAbsentOrText(said['model'])) return 'rerank.model must be text';
  if (!isAbsentOrText(said['url']) || !isHttp(said['url'])) return 'rerank.url must be an http or https address';
  const problem = whole('top_n', 1, MAX_TOP_K)(said) ?? whole('candidates', 1, 200)(said);
  return problem === undefined ? undefined : `rerank.${problem}`;
}

function isAbsentOrText(value: Json | undefined): boolean {
  return value === undefined || (typeof value === 'string' && value !== '' && value.length <= 512);
}

/** An address with a password in it would be stored in the log and shown. */
function isHttp(value: Json | undefined): boolean {
  return value === undefined || /^https?:\/\/[^\s@/?#]+(?:[/?][^\s#@]*)?$/i.test(textOf(value));
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function listOf(fields: readonly string[]): string {
  return fields.length > 2 ? `${fields.slice(0, -1).join(', ')}, and ${fields.at(-1) ?? ''}` : fields.join(' and ');
}
