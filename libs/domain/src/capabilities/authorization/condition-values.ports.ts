import type { Json, JsonObject } from '../../kernel/schema.js';

/**
 * What the comparisons of conditions mean. None throws, and none is ever anything but true or false, whatever it is given.
 * The functions of the schema `authz` in the database mean the same; a property test holds the two together.
 */

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

/** The same JSON value; the order of an object's keys does not count. */
export function isEqual(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (isList(a)) return isList(b) && a.length === b.length && a.every((item, at) => isEqual(item, b[at] ?? null));
  return !isList(b) && areEqualObjects(a, b);
}

function areEqualObjects(a: JsonObject, b: JsonObject): boolean {
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key] ?? null, b[key] ?? null))
  );
}

/** A member of the list; of null nothing, and of any other value the value itself. */
export function isIn(a: Json, b: Json): boolean {
  if (b === null) return false;
  return isList(b) ? b.some((item) => isEqual(a, item)) : isEqual(a, b);
}

/** Below, at or above zero; undefined for values that have no order between them. Texts go by code points. */
export function compare(a: Json, b: Json): number | undefined {
  if (typeof a === 'number' && typeof b === 'number') return Math.sign(a - b);
  return typeof a === 'string' && typeof b === 'string' ? compareTexts(a, b) : undefined;
}

/** UTF-16 sorts what lies beyond it before the last characters of it; UTF-8, as databases do, does not. */
function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

/** A part of a text, or a member of a list. */
export function contains(container: Json, item: Json): boolean {
  if (typeof container === 'string') {
    const text = textOf(item);
    return text !== undefined && container.includes(text);
  }
  return container !== null && isList(container) && container.some((each) => isEqual(each, item));
}

export function startsWith(value: Json, prefix: Json): boolean {
  return typeof value === 'string' && typeof prefix === 'string' && value.startsWith(prefix);
}

/** A scalar as it stands in a text; numbers without an exponent. */
function textOf(value: Json): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'number' ? plainNumber(value) : undefined;
}

function plainNumber(value: number): string {
  const text = String(value);
  const [mantissa = '', exponent] = text.split('e');
  if (exponent === undefined) return text;
  const negative = mantissa.startsWith('-');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const point = whole.length + Number(exponent);
  const digits = whole + fraction;
  const plain =
    point <= 0
      ? `0.${'0'.repeat(-point)}${digits}`
      : digits.padEnd(point, '0').slice(0, Math.max(point, digits.length));
  return negative ? `-${plain}` : plain;
}

const DATE = '([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])';
const CLOCK = '([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:[.]([0-9]{1,9}))?)?';
const ZONE = '(Z|z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?';
const timePattern = new RegExp(`^(?:${DATE}[Tt ])?${CLOCK}${ZONE}$`);
const instantPattern = new RegExp(`^${DATE}(?:[Tt ]${CLOCK}${ZONE})?$`);
const clockPattern = /^(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?$/;
const datePattern = new RegExp(`^${DATE}$`);

const DAY_MS = 86_400_000;

/** The time of day in a text as HH:MM:SS, of a time or of an instant, whose zone does not count; undefined where there is none. */
export function timeOfDay(value: Json): string | undefined {
  if (typeof value !== 'string') return undefined;
  const [, , , , hour, minute, second = '00'] = timePattern.exec(value) ?? [];
  return hour === undefined || minute === undefined ? undefined : `${hour}:${minute}:${second}`;
}

/** HH:MM or HH:MM:SS, as a bound of a condition. */
export function clockBound(value: Json | undefined): string | undefined {
  if (typeof value !== 'string' || !clockPattern.test(value)) return undefined;
  return value.length === 5 ? `${value}:00` : value;
}

/** Both ends included; a start after the end means over midnight. */
export function isTimeBetween(value: Json, start: string, end: string): boolean {
  const time = timeOfDay(value);
  if (time === undefined) return false;
  return start <= end ? start <= time && time <= end : time >= start || time <= end;
}

/** The instant in a text, in ms since 1970; without a zone it is in UTC. Undefined for what is no date. */
export function instantOf(value: Json | undefined): number | undefined {
  if (typeof value !== 'string') return undefined;
  const match = instantPattern.exec(value);
  if (match === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // The 30th of February is the 2nd of March, which nobody wrote; there is no year 0.
  if (Number(year) === 0 || date.getUTCMonth() + 1 !== Number(month)) return undefined;
  const millis = Number(fraction.slice(0, 3).padEnd(3, '0'));
  return (
    date.getTime() + (Number(hour) * 60 + Number(minute) - offsetOf(zone)) * 60_000 + Number(second) * 1_000 + millis
  );
}

function offsetOf(zone = 'Z'): number {
  if (zone.length === 1) return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return zone.startsWith('-') ? -minutes : minutes;
}

/** The last instant that an end includes: of a plain date its whole day. */
export function lastInstantOf(end: Json | undefined): number | undefined {
  const instant = instantOf(end);
  if (instant === undefined || typeof end !== 'string') return undefined;
  return datePattern.test(end) ? instant + DAY_MS - 1 : instant;
}

/** Both ends included, in ms. */
export function isDateBetween(value: Json, from: number, to: number): boolean {
  const instant = instantOf(value);
  return instant !== undefined && from <= instant && instant <= to;
}
