import { defineErrors, refuse, type Refusal } from '../errors.js';

export const filterErrors = defineErrors('filters', {
  invalid: ['validation', 'FILTER_INVALID', 'The filter is not valid'],
  tooComplex: ['validation', 'FILTER_TOO_COMPLEX', 'The filter is larger or deeper than is allowed'],
  unsupported: ['validation', 'FILTER_NOT_SUPPORTED', 'The retrieval provider of this corpus cannot apply this filter'],
});

/** What is wrong with a part of a filter. */
export interface Problem {
  readonly refusal: Refusal;
}

/** `at` is made of operators and numbers only, so that an answer never repeats what was sent. */
export function problem(at: string, reason: string): Problem {
  return { refusal: refuse(filterErrors.invalid, { at, reason }) };
}

export function tooComplex(at: string, reason: string): Problem {
  return { refusal: refuse(filterErrors.tooComplex, { at, reason }) };
}

/** Counts what one filter is made of, so that none costs more to run than a search may. */
export class Limits {
  /** UTF-16 units of the filter as JSON. */
  static readonly size = 16_384;
  static readonly depth = 8;
  static readonly conditions = 64;
  /** Of one list. */
  static readonly values = 200;
  private conditions = 0;

  static sizeProblem(input: unknown): Problem | undefined {
    const fits = lengthOf(input) <= Limits.size;
    return fits ? undefined : tooComplex('$', `may be ${Limits.size} characters of JSON long`);
  }

  enter(at: string, depth: number): Problem | undefined {
    this.conditions += 1;
    if (depth > Limits.depth) return tooComplex(at, `may be ${Limits.depth} levels deep`);
    if (this.conditions > Limits.conditions) return tooComplex(at, `may have ${Limits.conditions} conditions`);
    return undefined;
  }
}

/** A value that is too deep to be printed is too long. */
function lengthOf(input: unknown): number {
  try {
    return (JSON.stringify(input) as string | undefined)?.length ?? 0;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
