import { takesIdempotencyKey } from './policy.js';
import type { EndpointPolicy } from './policy.js';

/** A header of the HTTP contract, for OpenAPI and the tables of the README. */
export interface HeaderRow {
  readonly name: string;
  /** One sentence. */
  readonly does: string;
  /** Where it belongs, in words. */
  readonly where: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

export interface RequestHeaderRow extends HeaderRow {
  readonly on: (policy: EndpointPolicy) => boolean;
}

export interface AnswerHeaderRow extends HeaderRow {
  readonly on: (policy: EndpointPolicy, status: number) => boolean;
}

const text = { type: 'string' } as const;
const count = { type: 'string', pattern: '^(\\d+|unlimited)$' } as const;
const whole = { type: 'integer', minimum: 0 } as const;

const known = (policy: EndpointPolicy): boolean => policy.role !== 'public';
const limited = (policy: EndpointPolicy): boolean => known(policy) && policy.rate !== 'none';
const metered = (policy: EndpointPolicy, status: number): boolean =>
  limited(policy) && policy.recovery !== true && (status < 300 || status === 402);
const writes = (policy: EndpointPolicy, status: number): boolean =>
  known(policy) && policy.verb !== 'GET' && status < 300;

/** What a client may send beside its credential and the content type. */
export const requestHeaders: readonly RequestHeaderRow[] = [
  {
    name: 'X-Request-Id',
    does: 'The caller’s own id of the request; what does not fit the pattern is replaced by a new one.',
    where: 'every request',
    schema: { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,128}$' },
    on: () => true,
  },
  {
    name: 'traceparent',
    does: 'The W3C trace context that spans, events and outbound calls of this request go on from.',
    where: 'every request',
    schema: { type: 'string', pattern: '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' },
    on: () => true,
  },
  {
    name: 'Idempotency-Key',
    does: 'Makes a repeat of the request give the first answer again, byte for byte, instead of a second effect.',
    where: 'every mutation, and `POST /v1/run`',
    schema: { type: 'string', minLength: 1, maxLength: 128 },
    on: takesIdempotencyKey,
  },
  {
    name: 'X-Min-Position',
    does: 'The `X-Log-Position` of an earlier answer: the read waits until it shows that change.',
    where: 'every read',
    schema: { type: 'string', pattern: '^[0-9]{1,20}(:[0-9]{1,20})?$' },
    on: (policy) => known(policy) && policy.verb === 'GET',
  },
  {
    name: 'Last-Event-ID',
    does: 'The `id` of the last frame that arrived: the stream goes on after it.',
    where: 'streams',
    schema: { type: 'string', maxLength: 256 },
    on: ({ stream }) => stream === true,
  },
];

const quotaHeaders: readonly AnswerHeaderRow[] = (
  [
    ['Day-Limit', 'Units that the tenant may use in a UTC day', count],
    ['Day-Used', 'Units used in this UTC day, with this request', whole],
    ['Day-Remaining', 'Units left in this UTC day', count],
    ['Month-Limit', 'Units that the tenant may use in a UTC month', count],
    ['Month-Used', 'Units used in this UTC month, with this request', whole],
    ['Month-Remaining', 'Units left in this UTC month', count],
    ['SoftCap-Reached', 'Whether the soft cap of a period is passed', { type: 'string', enum: ['true', 'false'] }],
    [
      'HardCap-Mode',
      'Whether the limit is enforced or only observed',
      { type: 'string', enum: ['enforce', 'observe'] },
    ],
  ] as const
).map(([name, does, schema]) => ({
  name: `X-Quota-${name}`,
  does: `${does}.`,
  where: 'successes and 402 of endpoints that count',
  schema,
  on: metered,
}));

/** What an answer may carry beside the standard headers of its content. */
export const answerHeaders: readonly AnswerHeaderRow[] = [
  {
    name: 'X-Request-Id',
    does: 'The id of the request, as in the log and in the audit row.',
    where: 'every answer',
    schema: text,
    on: () => true,
  },
  {
    name: 'traceparent',
    does: 'The trace context of the server’s span.',
    where: 'every answer while traces are made, or were asked for',
    schema: text,
    on: () => true,
  },
  {
    name: 'WWW-Authenticate',
    does: 'The scheme of credentials, `Bearer`.',
    where: '401',
    schema: text,
    on: (_, status) => status === 401,
  },
  {
    name: 'Retry-After',
    does: 'Seconds after which the request may succeed.',
    where: '429, 503 and 409 of a key in use',
    schema: whole,
    on: (_, status) => status === 429 || status === 503 || status === 409,
  },
  {
    name: 'RateLimit-Policy',
    does: 'The limits in force, in the form of the IETF draft.',
    where: 'every answer to a known caller',
    schema: text,
    on: limited,
  },
  {
    name: 'RateLimit',
    does: 'What is left of them, in the form of the IETF draft.',
    where: 'every answer to a known caller',
    schema: text,
    on: limited,
  },
  {
    name: 'X-RateLimit-Limit',
    does: 'What the tightest bucket holds when it is full.',
    where: 'every answer to a known caller',
    schema: whole,
    on: limited,
  },
  {
    name: 'X-RateLimit-Remaining',
    does: 'What is left in it.',
    where: 'every answer to a known caller',
    schema: whole,
    on: limited,
  },
  {
    name: 'X-RateLimit-Status',
    does: '`degraded` while the shared counters do not answer and each process counts alone.',
    where: 'every answer to a known caller',
    schema: text,
    on: limited,
  },
  {
    name: 'X-RateLimit-Scope',
    does: 'Whose bucket is empty.',
    where: '429',
    schema: { type: 'string' },
    on: (_, status) => status === 429,
  },
  {
    name: 'X-RateLimit-Route-Class',
    does: 'The class of the endpoint whose bucket is empty.',
    where: '429',
    schema: text,
    on: (_, status) => status === 429,
  },
  {
    name: 'X-RateLimit-Retry-After-Ms',
    does: 'Milliseconds after which the bucket holds enough.',
    where: '429',
    schema: whole,
    on: (_, status) => status === 429,
  },
  ...quotaHeaders,
  {
    name: 'Idempotency-Replayed',
    does: '`true` when the answer is that of an earlier request with the same key.',
    where: 'successes of mutations, and of `POST /v1/run`',
    schema: { type: 'string', enum: ['true'] },
    on: (policy, status) => takesIdempotencyKey(policy) && status < 300,
  },
  {
    name: 'X-Log-Position',
    does: 'Where the log stood after the change, for `X-Min-Position`.',
    where: 'successes of mutations',
    schema: text,
    on: writes,
  },
  {
    name: 'X-Projection-Lag',
    does: 'Events that a read model was behind when the bounded wait for it ended.',
    where: 'answers that did not wait to the end',
    schema: whole,
    on: (policy, status) => known(policy) && status < 300,
  },
  {
    name: 'Link',
    does: 'The next page of a list (`rel="next"`).',
    where: 'lists that go on',
    schema: text,
    on: ({ returns, verb }, status) => verb === 'GET' && typeof returns === 'object' && status < 300,
  },
  {
    name: 'Repr-Digest',
    does: 'The SHA-256 of the file (RFC 9530).',
    where: 'the usage export',
    schema: { type: 'string', pattern: '^sha-256=:[A-Za-z0-9+/]{43}=:$' },
    on: ({ sends }, status) => sends?.includes('Repr-Digest') === true && status < 300,
  },
  {
    name: 'X-Usage-Positions',
    does: 'The positions of the log that the file follows from: the same positions give the same digest.',
    where: 'the usage export',
    schema: text,
    on: ({ sends }, status) => sends?.includes('X-Usage-Positions') === true && status < 300,
  },
];

/** Of answers to old addresses, to a wrong method and to browsers: not of an operation of the OpenAPI document. */
export const otherAnswerHeaders: readonly HeaderRow[] = [
  { name: 'Allow', does: 'The methods that the address takes.', where: '405', schema: text },
  { name: 'Location', does: 'Where the documentation is.', where: '307 of `/docs` and `/openapi.json`', schema: text },
  { name: 'Content-Disposition', does: 'The name of a file.', where: 'files', schema: text },
  {
    name: 'Vary',
    does: 'Tells caches that the answer hangs on the origin.',
    where: 'every answer while `CORS_ALLOW_ORIGINS` lists one',
    schema: text,
  },
  { name: 'Deprecation', does: '`true`.', where: 'every answer without `/v1`', schema: text },
  {
    name: 'Sunset',
    does: 'The published end of routes without `/v1`.',
    where: 'every answer without `/v1`',
    schema: text,
  },
  {
    name: 'Access-Control-*',
    does: 'What a page of a listed origin may send and read.',
    where: 'requests with an `Origin` of `CORS_ALLOW_ORIGINS`',
    schema: text,
  },
  {
    name: 'X-Content-Type-Options, X-Frame-Options, Referrer-Policy, Cross-Origin-Opener-Policy, Cross-Origin-Resource-Policy',
    does: 'Tell browsers not to guess, frame, leak or share.',
    where: 'every answer',
    schema: text,
  },
  {
    name: 'Strict-Transport-Security',
    does: 'Tells browsers to come by TLS only.',
    where: 'answers to requests that came by TLS to a trusted proxy',
    schema: text,
  },
];
