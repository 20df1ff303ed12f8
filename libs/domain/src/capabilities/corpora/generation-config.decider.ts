import type { Json, JsonObject } from '../../kernel/schema.js';
import { objectOf } from '../../kernel/retrieval/retrieval-settings.js';

/** A field of a configuration that is not as it must be. */
export interface ConfigProblem {
  readonly path: readonly (string | number)[];
  readonly reason: string;
}

/** Longer chains only make a question wait for longer. */
const MAX_CHAIN = 10;
const MAX_OUTPUT_TOKENS = 1_000_000;

/** Why the `generation` part of a corpus's configuration is refused; undefined when it is not, or when there is none. */
export function generationProblem(said: Json | undefined): ConfigProblem | undefined {
  if (said === undefined || said === null) return undefined;
  const generation = objectOf(said);
  if (generation === undefined) return problem([], 'generation must be an object');
  return chainProblem(generation['chain']) ?? numberProblem(generation);
}

/** The models that a configuration names, in the order in which they are to be asked. */
export function chainOf(config: JsonObject): readonly string[] {
  const chain = objectOf(config['generation'])?.['chain'];
  return Array.isArray(chain) ? chain.filter((name) => typeof name === 'string') : [];
}

function chainProblem(chain: Json | undefined): ConfigProblem | undefined {
  if (chain === undefined || chain === null) return undefined;
  if (!Array.isArray(chain) || chain.length === 0 || chain.length > MAX_CHAIN)
    return problem(['chain'], `generation.chain must be a list of 1 to ${MAX_CHAIN} models`);
  const at = chain.findIndex((name) => typeof name !== 'string');
  return at < 0 ? undefined : problem(['chain', at], 'generation.chain must hold names of models');
}

function numberProblem({ temperature, max_output_tokens: most }: JsonObject): ConfigProblem | undefined {
  if (!isAbsent(temperature) && !isWithin(temperature, 0, 2))
    return problem(['temperature'], 'generation.temperature must be a number between 0 and 2');
  if (!isAbsent(most) && !(isWithin(most, 1, MAX_OUTPUT_TOKENS) && Number.isSafeInteger(most)))
    return problem(
      ['max_output_tokens'],
      `generation.max_output_tokens must be an integer between 1 and ${MAX_OUTPUT_TOKENS}`,
    );
  return undefined;
}

function problem(path: ConfigProblem['path'], reason: string): ConfigProblem {
  return { path: ['generation', ...path], reason };
}

function isAbsent(value: Json | undefined): boolean {
  return value === undefined || value === null;
}

function isWithin(value: Json | undefined, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most;
}
