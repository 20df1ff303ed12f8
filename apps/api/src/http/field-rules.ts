import type { ValidationOptions } from 'class-validator';

/** Date, time and offset; the calendar itself is checked by `Date`. */
export const INSTANT =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)$/;

/** The stable type and the sentence of a broken rule; neither ever holds the value. */
export type Rule = (type: string, text: string) => ValidationOptions;

export const rule: Rule = (type, text) => ({ message: text, context: { type } });
