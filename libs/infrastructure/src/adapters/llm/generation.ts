import type { Json, JsonObject } from '#domain/kernel/schema.js';

/** What a corpus wants of the model; absent: as configured. */
export interface Generation {
  readonly chain?: readonly string[];
  readonly temperature?: number;
  readonly maxOutputTokens?: number;
}

/** Reads the `generation` of a corpus, which was checked when it was written. */
export function generationOf(given: JsonObject | undefined): Generation {
  if (given === undefined) return {};
  const { temperature, max_output_tokens: maxOutputTokens } = given;
  const chain = chainOf(given['chain']);
  return {
    ...(chain === undefined ? {} : { chain }),
    ...(typeof temperature === 'number' ? { temperature } : {}),
    ...(typeof maxOutputTokens === 'number' ? { maxOutputTokens } : {}),
  };
}

function chainOf(value: Json | undefined): readonly string[] | undefined {
  const names = Array.isArray(value) ? value.filter((name) => typeof name === 'string') : [];
  return names.length === 0 ? undefined : names;
}
