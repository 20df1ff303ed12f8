import { defineErrors, refuse, type Refusal } from '../../kernel/errors.js';
import type { Json, JsonObject } from '../../kernel/schema.js';

export const providerConfigErrors = defineErrors('corpora', {
  invalid: ['validation', 'VALIDATION_ERROR', 'The provider configuration is not valid'],
});

export const DEFAULT_TOP_K = 5;
export const MAX_TOP_K = 50;

const requiredFields: Readonly<Record<string, readonly string[]>> = {
  local_pgvector: [],
  aws_bedrock_kb: ['knowledge_base_id', 'region'],
  gcp_vertex: ['project', 'location', 'resource_id'],
};

const invalid = (reason: string): Refusal => refuse(providerConfigErrors.invalid, { reason });

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The retrieval provider that a configuration names; undefined where it names none. */
export function providerOf(config: JsonObject): string | undefined {
  const retrieval = config['retrieval'] as JsonObject | null | undefined;
  const provider = retrieval?.['provider'];
  return typeof provider === 'string' ? provider : undefined;
}

/** The configuration with its defaults filled in: `{}` becomes local retrieval; unknown keys are kept. */
export function normaliseProviderConfig(config: JsonObject): JsonObject | Refusal {
  if (Object.keys(config).length === 0) {
    return { retrieval: { provider: 'local_pgvector', top_k_default: DEFAULT_TOP_K } };
  }
  const retrieval = config['retrieval'];
  if (retrieval === undefined) return invalid('retrieval config missing');
  if (!isObject(retrieval)) return invalid('retrieval config must be an object');
  return normaliseRetrieval(config, retrieval);
}

function normaliseRetrieval(config: JsonObject, retrieval: JsonObject): JsonObject | Refusal {
  const provider = retrieval['provider'];
  const required =
    typeof provider === 'string' && Object.hasOwn(requiredFields, provider) ? requiredFields[provider] : undefined;
  if (required === undefined) return invalid('unsupported retrieval provider');
  const missing = required.some((field) => typeof retrieval[field] !== 'string' || retrieval[field] === '');
  if (missing) return invalid(`${listOf(required)} are required`);
  const topK = retrieval['top_k_default'] ?? DEFAULT_TOP_K;
  if (typeof topK !== 'number' || !Number.isSafeInteger(topK)) return invalid('top_k_default must be an integer');
  if (topK < 1 || topK > MAX_TOP_K) return invalid(`top_k_default must be between 1 and ${MAX_TOP_K}`);
  return { ...config, retrieval: { ...retrieval, top_k_default: topK } };
}

function listOf(fields: readonly string[]): string {
  return fields.length > 2 ? `${fields.slice(0, -1).join(', ')}, and ${fields.at(-1) ?? ''}` : fields.join(' and ');
}
