import type { Random } from './random.js';

/** Texts that have broken something somewhere. */
export const texts: readonly string[] = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\u202eabc\u202c',
  '\u0627\u0644\u0639\u0631\u0628\u064a\u0629',
  '\ud83d\udc69\u200d\ud83d\udc69\u200d\ud83d\udc67',
  'e\u0301\u00e9\u1e9b\u0323',
  '\ufeff\u200b\u2028\u2029',
  '\ufffe\uffff',
  'null',
  'undefined',
  'NaN',
  'true',
  '0',
  '-1',
  '1e309',
  '0x10',
  '9223372036854775808',
  '-9223372036854775809',
  '2026-02-30T25:61:61Z',
  '0000-00-00',
  '+275760-09-13T00:00:00.000Z',
  "' or 1=1 --",
  "a'; drop table x; --",
  '%',
  '_%_',
  '\\',
  '\\%',
  '${7*7}{{7*7}}',
  '<script>alert(1)</script>',
  '../../../../etc/passwd',
  '..%2f..%2f',
  '%00',
  '\r\nx-injected: 1',
  'constructor',
  '__proto__',
  'hasOwnProperty',
  'a'.repeat(257),
  'é'.repeat(5_000),
  'k'.repeat(70_000),
  'A=='.repeat(700),
  '{"$gt":""}',
  '[]',
  'http://127.0.0.1:1/',
  'file:///etc/hosts',
];

/** Values of JSON that a handler may not expect. */
export const values: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  -0,
  1e308,
  2_147_483_648,
  Number.MAX_SAFE_INTEGER,
  [],
  {},
  [null],
  [[[[[]]]]],
  { length: 1 },
  { toString: 1, valueOf: 2 },
  { constructor: { prototype: {} } },
];

/** JSON that no serializer would write. */
const literals: readonly string[] = [
  'NaN',
  '-Infinity',
  '1e999',
  '9223372036854775808',
  '-9223372036854775809',
  '123456789012345678901234567890',
  '0.1e-400',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\u0000"',
  '{"__proto__":{"admin":true}}',
  '{"a":1,"a":2}',
  `${'['.repeat(60)}${']'.repeat(60)}`,
  '01',
  '+1',
  "'x'",
  '"unterminated',
];

/** A place in the text of JSON where a literal is put after it was made. */
const MARK = 'literal-goes-here';

/** A value in place of a field's own; a mark stands for a literal that JSON.stringify would not write. */
export function hostileValue(random: Random): unknown {
  const kind = random.below(10);
  if (kind < 4) return random.pick(texts);
  return kind < 8 ? random.pick(values) : MARK;
}

/** The text of a body with its marks replaced. */
export function jsonText(random: Random, body: unknown): string {
  return JSON.stringify(body).replaceAll(`"${MARK}"`, () => random.pick(literals));
}

/** A whole body that is no request. */
export function brokenBody(random: Random): Buffer {
  const bodies: readonly (() => Buffer)[] = [
    () => Buffer.alloc(0),
    () => Buffer.from('{'),
    () => Buffer.from('{"a":1}}'),
    () => Buffer.from(random.pick(literals)),
    () => Buffer.from('"text"'),
    () => Buffer.from('\ufeff{}'),
    () => Buffer.from([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]),
    () => Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
    () => Buffer.from(`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`),
    () => Buffer.from('['.repeat(100_000)),
    () => Buffer.from(`{${Array.from({ length: 3_000 }, (_, at) => `"k${at}":${at}`).join(',')}}`),
    () => Buffer.from(Array.from({ length: 300 }, () => random.below(256))),
  ];
  return random.pick(bodies)();
}

/** Media types of which most are not taken. */
export const mediaTypes: readonly string[] = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'multipart/form-data; boundary=',
  'multipart/form-data; boundary=a-form',
  'application/json; charset=utf-16',
  'application/json;',
  'application/JSON',
  'application/merge-patch+json',
  'application/octet-stream',
  'text/xml',
  '*/*',
  'json',
  ';;;',
];

/** Headers that say what they should not, or more than is good. */
export const headers: readonly (readonly [string, string])[] = [
  ['x-request-id', 'r'.repeat(3_000)],
  ['x-request-id', '<b>{}'],
  ['x-request-id', ''],
  ['idempotency-key', ' '],
  ['idempotency-key', 'k'.repeat(129)],
  ['idempotency-key', 'ключ'],
  ['x-min-position', '99999999999999999999'],
  ['x-min-position', '-1'],
  ['traceparent', '00-zz-zz-zz'],
  ['x-tenant-id', 'operators'],
  ['x-role', 'admin'],
  ['content-encoding', 'gzip'],
  ['content-length', 'abc'],
  ['expect', '100-continue'],
  ['expect', 'the-impossible'],
  ['upgrade', 'websocket'],
  ['connection', 'upgrade'],
  ['range', 'bytes=0-1'],
  ['accept', 'image/png'],
  ['accept-encoding', 'gzip;q=NaN'],
  ['if-match', '*'],
  ['x-http-method-override', 'DELETE'],
  ['last-event-id', '01900000-0000-7000-8000-000000000001:1'],
  ['last-event-id', '-1'],
  ['last-event-id', '9'.repeat(400)],
  ['x-forwarded-for', `${'1.1.1.1,'.repeat(100)}x`],
  ['x-forwarded-host', 'evil.example'],
  ['origin', 'https://evil.example'],
  ['access-control-request-method', 'DELETE'],
  ['authorization', 'Bearer a b c'],
  ['host', ''],
  ['host', 'a b'],
];

export const methods: readonly string[] = [
  'HEAD',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'PROPFIND',
  'PUT',
  'PATCH',
  'DELETE',
  'POST',
  'GET',
  'get',
  'BREW',
];

/** Ways to write a path so that two readers may take it for two different ones. */
export function bentPath(random: Random, path: string): string {
  const bends: readonly ((path: string) => string)[] = [
    (text) => `${text}/`,
    (text) => `${text}//`,
    (text) => text.replace('/v1/', '//v1/'),
    (text) => text.replace('/v1/', '/v1/../v1/'),
    (text) => text.replace('/v1/', '/v1/%2e%2e/v1/'),
    (text) => text.replace('/v1/', '/V1/'),
    (text) => text.toUpperCase(),
    (text) => text.replaceAll('/', '%2f'),
    (text) => `${text}%00`,
    (text) => `${text}%`,
    (text) => `${text}%zz`,
    (text) => `${text}%ff%fe`,
    (text) => `${text};a=b`,
    (text) => `${text}.json`,
    (text) => `${text}#fragment`,
    (text) => `${text}?${'a=b&'.repeat(2_000)}`,
    (text) => `${text}?[a][b]=1&__proto__[x]=1&constructor=1`,
    (text) => `${text}?%`,
    (text) => `http://evil.example${text}`,
    (text) => `${text}/${'x'.repeat(2_000)}`,
    (text) => text.replace('/v1', ''),
    (text) => text.replace('/v1', '/v2'),
    () => '*',
    () => '/',
    () => '',
    () => '/v1',
  ];
  return random.pick(bends)(path);
}
