import { Secret } from './secret.js';

/** What reading one variable gives: its value, or the sentence that says what is wrong with it. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

/** One configuration variable: how its text becomes a value, what it is without one, and the sentence that documents it. */
export interface ConfigField<T> {
  readonly type: string;
  /** The default as an operator would write it; undefined when there is none. */
  readonly defaultText: string | undefined;
  readonly defaultValue: T;
  readonly bounds: string | undefined;
  readonly secret: boolean;
  readonly does: string;
  readonly parse: (text: string) => Parsed<T>;
}

const ok = <T>(value: T): Parsed<T> => ({ ok: true, value });
const bad = (problem: string): Parsed<never> => ({ ok: false, problem });

function field<T>(
  type: string,
  does: string,
  options: { defaultText?: string; defaultValue: T; bounds?: string; secret?: boolean },
  parse: (text: string) => Parsed<T>,
): ConfigField<T> {
  const { defaultText, defaultValue, bounds, secret = false } = options;
  return { type, does, defaultText, defaultValue, bounds, secret, parse };
}

/** Text; without a default it is undefined when the variable is not set. */
export function string(does: string): ConfigField<string | undefined>;
export function string(does: string, defaultValue: string): ConfigField<string>;
export function string(does: string, defaultValue?: string): ConfigField<string | undefined> {
  const given = defaultValue === undefined ? {} : { defaultText: defaultValue };
  return field<string | undefined>('string', does, { defaultValue, ...given }, ok);
}

/** A whole number within `[min, max]`, both ends included. */
export function int(
  does: string,
  options: { default: number; min: number; max: number; unit?: string },
): ConfigField<number> {
  const bounds = `${options.min} to ${options.max}${options.unit === undefined ? '' : ` ${options.unit}`}`;
  return field(
    'integer',
    does,
    { defaultText: String(options.default), defaultValue: options.default, bounds },
    (text) => {
      const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      if (Number.isNaN(value)) return bad(`is not a whole number: ${JSON.stringify(text)}`);
      return value < options.min || value > options.max ? bad(`is ${value}, outside ${bounds}`) : ok(value);
    },
  );
}

/** A number of at least 0 and at most `max`, with up to six places. */
export function decimal(does: string, options: { default: number; max: number; unit?: string }): ConfigField<number> {
  const bounds = `0 to ${options.max}${options.unit === undefined ? '' : ` ${options.unit}`}`;
  return field(
    'number',
    does,
    { defaultText: String(options.default), defaultValue: options.default, bounds },
    (text) => {
      if (!/^\d{1,9}(\.\d{1,6})?$/.test(text)) return bad(`is not a number of 0 or more: ${JSON.stringify(text)}`);
      return Number(text) > options.max ? bad(`is ${text}, outside ${bounds}`) : ok(Number(text));
    },
  );
}

const YES = new Set(['true', '1', 'yes', 'on']);
const NO = new Set(['false', '0', 'no', 'off']);

export function boolean(does: string, defaultValue: boolean): ConfigField<boolean> {
  return field('boolean', does, { defaultText: String(defaultValue), defaultValue }, (text) => {
    const lower = text.toLowerCase();
    if (YES.has(lower)) return ok(true);
    return NO.has(lower) ? ok(false) : bad(`is neither true nor false: ${JSON.stringify(text)}`);
  });
}

/** One of a closed list of words. */
export function oneOf<const W extends string>(does: string, words: readonly W[], defaultValue: W): ConfigField<W> {
  const bounds = words.join(', ');
  return field<W>('word', does, { defaultText: defaultValue, defaultValue, bounds }, (text) => {
    const word = words.find((candidate) => candidate === text.toLowerCase());
    return word === undefined ? bad(`is ${JSON.stringify(text)}, not one of ${bounds}`) : ok(word);
  });
}

const notAnAddress = (protocols: readonly string[]): string =>
  `is not an address that begins with ${protocols.join(' or ')}`;

function hasProtocol(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.some((protocol) => text.startsWith(protocol));
}

/** An address without a password in it. */
export function url(does: string, protocols: readonly string[]): ConfigField<string | undefined> {
  return field<string | undefined>('url', does, { defaultValue: undefined, bounds: protocols.join(' or ') }, (text) =>
    hasProtocol(text, protocols) ? ok(text) : bad(notAnAddress(protocols)),
  );
}

/** An address that may carry a password: never printed, and may come from a file. */
export function secretUrl(does: string, protocols: readonly string[]): ConfigField<Secret | undefined> {
  const options = { defaultValue: undefined, bounds: protocols.join(' or '), secret: true };
  return field<Secret | undefined>('secret url', does, options, (text) =>
    hasProtocol(text, protocols) ? ok(new Secret(text)) : bad(notAnAddress(protocols)),
  );
}

/** A secret of at least `minLength` characters; may come from NAME_FILE or /run/secrets/<name>. */
export function secret(does: string, options: { minLength?: number } = {}): ConfigField<Secret | undefined> {
  const { minLength = 1 } = options;
  const bounds = minLength > 1 ? { bounds: `at least ${minLength} characters` } : {};
  return field<Secret | undefined>('secret', does, { defaultValue: undefined, secret: true, ...bounds }, (text) =>
    text.length < minLength ? bad(`is shorter than ${minLength} characters`) : ok(new Secret(text)),
  );
}

/** Words separated by commas. */
export function list(does: string): ConfigField<readonly string[]> {
  return field<readonly string[]>('list', does, { defaultText: '', defaultValue: [] }, (text) =>
    ok(
      text
        .split(',')
        .map((word) => word.trim())
        .filter((word) => word !== ''),
    ),
  );
}
