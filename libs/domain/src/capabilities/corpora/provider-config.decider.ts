import { defineErrors, refuse, type Refusal } from '../../kernel/errors.js';
import { retrievalProblem } from '../../kernel/retrieval/retrieval-rules.js';
import { DEFAULT_TOP_K, objectOf } from '../../kernel/retrieval/retrieval-settings.js';
import type { JsonObject } from '../../kernel/schema.js';
import { generationProblem, type ConfigProblem } from './generation-config.decider.js';

export const providerConfigErrors = defineErrors('corpora', {
  invalid: ['validation', 'VALIDATION_ERROR', 'The provider configuration is not valid'],
});

const invalid = (reason: string): Refusal => refuse(providerConfigErrors.invalid, { reason });

/** Refuses a configuration for one of its fields, in the form of the validation of any body. */
export function refuseField({ path, reason }: ConfigProblem): Refusal {
  const errors = [{ type: 'value_error', loc: ['body', 'provider_config_json', ...path], msg: reason }];
  return refuse(providerConfigErrors.invalid, { reason, errors });
}

/** The provider that looks for passages in our own tables. */
export const LOCAL_PROVIDER = 'local_pgvector';

/** The retrieval provider that a configuration names; undefined where it names none. */
export function providerOf(config: JsonObject): string | undefined {
  const provider = objectOf(config['retrieval'])?.['provider'];
  return typeof provider === 'string' ? provider : undefined;
}

/** The configuration with its defaults filled in: `{}` becomes local retrieval; unknown keys are kept. */
export function normaliseProviderConfig(config: JsonObject): JsonObject | Refusal {
  if (Object.keys(config).length === 0) {
    return { retrieval: { provider: LOCAL_PROVIDER, top_k_default: DEFAULT_TOP_K } };
  }
  const { retrieval: said } = config;
  if (said === undefined) return invalid('retrieval config missing');
  const retrieval = objectOf(said);
  if (retrieval === undefined) return invalid('retrieval config must be an object');
  const problem = retrievalProblem(retrieval);
  if (problem !== undefined) return invalid(problem);
  const ofGeneration = generationProblem(config['generation']);
  if (ofGeneration !== undefined) return refuseField(ofGeneration);
  return { ...config, retrieval: { ...retrieval, top_k_default: retrieval['top_k_default'] ?? DEFAULT_TOP_K } };
}
