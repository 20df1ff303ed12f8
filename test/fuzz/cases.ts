import type { Operation, Schema } from '#test/surface/operations.js';
import { bytesOf, form, FORM_HEADER, JSON_HEADER, NOTES, type Draft } from '#test/surface/request.js';
import { sampleOf } from '#test/surface/samples.js';
import { draftOf, type Credential, type Request } from '#test/surface/world.js';
import { bentPath, brokenBody, headers, hostileValue, jsonText, mediaTypes, methods, texts } from './hostile.js';
import type { Random } from './random.js';

/** What is sent. */
export interface Case {
  readonly draft: Draft;
  readonly bytes: Buffer;
}

/** 30 MB of text in a JSON string. */
const LONG = Buffer.concat([Buffer.from('{"text":"'), Buffer.alloc(30_000_000, 'x'), Buffer.from('"}')]);

type Fields = Record<string, unknown>;

/** Every field that the schema knows, each there or not. */
function anyFields(random: Random, { properties = {} }: Schema, valid: unknown): Fields {
  const fields: Fields = { ...(valid as Fields | undefined) };
  for (const [name, schema] of Object.entries(properties))
    if (!(name in fields) && random.chance(0.3)) fields[name] = sampleOf(schema);
  return fields;
}

/** Makes one field wrong: gone, null, of another type, too much, or one that nobody knows. */
function spoil(random: Random, fields: Fields): Fields {
  const names = Object.keys(fields);
  const way = random.below(8);
  if (names.length === 0 || way === 0) return { ...fields, [random.pick(texts).slice(0, 300)]: hostileValue(random) };
  const name = random.pick(names);
  if (way === 1) return Object.fromEntries(Object.entries(fields).filter(([each]) => each !== name));
  const inner = fields[name];
  if (way < 4 && typeof inner === 'object' && inner !== null && !Array.isArray(inner))
    return { ...fields, [name]: spoil(random, inner as Fields) };
  return { ...fields, [name]: hostileValue(random) };
}

function spoiltQuery(random: Random, operation: Operation): string {
  const given = operation.query.filter(() => random.chance(0.35));
  const pairs = given.flatMap(({ name, schema }): [string, string][] => {
    const value = random.chance(0.4) ? String(sampleOf(schema)) : random.pick(texts);
    return random.chance(0.05)
      ? [
          [name, value],
          [name, value],
        ]
      : [[name, value]];
  });
  if (random.chance(0.1)) pairs.push([random.pick(texts), random.pick(texts)]);
  const text = pairs
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value.slice(0, 6_000))}`)
    .join('&');
  return text === '' ? '' : `?${text}`;
}

function spoiltBody(
  random: Random,
  request: Request,
): Pick<Draft, 'body'> & { readonly type: readonly [string, string] | undefined } {
  const { operation, file = NOTES } = request;
  const schema = operation.form ?? operation.body;
  const type = random.chance(0.06) ? (['content-type', random.pick(mediaTypes)] as const) : undefined;
  if (random.chance(0.08)) return { body: brokenBody(random), type: type ?? JSON_HEADER };
  if (schema === undefined)
    return random.chance(0.9)
      ? { body: undefined, type: undefined }
      : { body: Buffer.from('{}'), type: type ?? JSON_HEADER };
  let fields = anyFields(random, schema, request.body);
  for (let times = random.below(3); times > 0; times -= 1) fields = spoil(random, fields);
  if (operation.form !== undefined && random.chance(0.8))
    return {
      body: form(fields, { ...file, name: random.pick(texts).replace(/["\r\n]/g, '') }),
      type: type ?? FORM_HEADER,
    };
  return { body: Buffer.from(jsonText(random, fields)), type: type ?? JSON_HEADER };
}

function spoiltHeaders(random: Random): [string, string][] {
  const added: [string, string][] = [];
  if (random.chance(0.15)) added.push([...random.pick(headers)]);
  if (random.chance(0.1)) added.push(['idempotency-key', `twice-${random.below(5)}`]);
  if (random.chance(0.01)) for (let at = 0; at < 300; at += 1) added.push([`x-flood-${at}`, 'f'.repeat(20)]);
  if (random.chance(0.005)) for (let at = 0; at < 3_000; at += 1) added.push([`x-flood-${at}`, 'f']);
  if (random.chance(0.01)) added.push(['x-long', 'l'.repeat(random.pick([4_000, 20_000, 100_000]))]);
  return added;
}

/** A header line can not hold these; what is left of them still can be hostile. */
const inHeader = (text: string): string => text.replace(/[\r\n]/g, '');

/** A request as a stranger might send it: a valid one with any part of it made wrong. */
export function spoilt(random: Random, request: Request, params: Readonly<Record<string, string>>): Case {
  const { operation } = request;
  if (random.chance(1 / 400)) return tooLong(request);
  const base = draftOf({ ...request, params, query: {}, body: undefined });
  const { body, type } = spoiltBody(random, request);
  const own = [...base.headers, ...(type === undefined ? [] : [type]), ...spoiltHeaders(random)];
  const path = base.target;
  const target = random.chance(0.06) ? bentPath(random, path) : `${path}${spoiltQuery(random, operation)}`;
  const method = random.chance(0.04) ? random.pick(methods) : operation.verb;
  const legacy = operation.policy.legacy !== false && random.chance(0.06);
  const draft: Draft = {
    method,
    target: legacy ? target.replace(/^\/v1/, '') : target,
    headers: own.map(([name, value]) => [name, inHeader(value)] as const),
    body,
  };
  return { draft, bytes: bytesOf(draft) };
}

function tooLong(request: Request): Case {
  const base = draftOf({ ...request, body: undefined });
  const draft = { ...base, method: 'POST', headers: [...base.headers, JSON_HEADER], body: LONG };
  return { draft, bytes: bytesOf(draft) };
}

/** The request as it is. */
export function untouched(request: Request): Case {
  const draft = draftOf(request);
  return { draft, bytes: bytesOf(draft) };
}

/** Someone with another credential than the one that fits. */
export function otherCredential(random: Random, fitting: Credential | undefined): Credential | undefined {
  if (random.chance(0.9)) return fitting;
  return random.pick([undefined, { key: 'garbage' }, { key: `nrgk_${'0'.repeat(32)}_${'A'.repeat(43)}` }]);
}
