import type { ValidationOptions } from 'class-validator';
import { instantIn } from '#domain/kernel/time.js';

/** Date, time and offset, from the year 1000 on. */
const INSTANT =
  /^[1-9]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)$/;

/** A text that names an instant on a day that the calendar has, which is not after the year 9999 in UTC either. */
export function isInstant(value: unknown): boolean {
  if (typeof value !== 'string' || !INSTANT.test(value)) return false;
  const [year, month, day] = value.slice(0, 10).split('-').map(Number);
  // `Date` would take the 31st of February for a day in March. Day 0 is the last one of the month before.
  const isDay = new Date(Date.UTC(year ?? 0, month ?? 0, 0)).getUTCDate() >= (day ?? 0);
  return isDay && instantIn(value) !== undefined;
}

/** The stable type and the sentence of a broken rule; neither ever holds the value. */
export type Rule = (type: string, text: string) => ValidationOptions;

export const rule: Rule = (type, text) => ({ message: text, context: { type } });

/** An object whose values are all of one type, or null. */
export function isMapOf(of: 'boolean' | 'integer', value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const fits = of === 'boolean' ? (each: unknown) => typeof each === 'boolean' : Number.isSafeInteger;
  return Object.values(value).every((each: unknown) => each === null || fits(each));
}
