import { getSchemaPath } from '@nestjs/swagger';
import type { Type } from '@nestjs/common';

import type { ErrorRow } from '#domain/kernel/errors.js';

import { httpErrors, statusOfKind } from './errors.js';
import { answerHeaders, requestHeaders } from './header-catalogue.js';
import type { HeaderRow } from './header-catalogue.js';
import { openAiCodeOf } from './openai-errors.js';
import { bodyOf } from './parameters.js';
import type { CompiledEndpoint, EndpointPolicy, Returns } from './policy.js';
import { refusalsOf } from './refusals.js';

type Json = Record<string, unknown>;

/** Parts that operations share; filled while they are described. */
export interface Components {
  readonly schemas: Json;
  readonly headers: Json;
  readonly parameters: Json;
  readonly responses: Json;
}

export function classOf(returns: Returns): Type<object> | undefined {
  return typeof returns === 'function' ? returns : returns?.[0];
}

function dataSchema(returns: Returns): Json {
  const view = classOf(returns);
  if (view === undefined) return {};
  const ref = { $ref: getSchemaPath(view) };
  return typeof returns === 'function' ? ref : { type: 'array', items: ref };
}

const META = { $ref: '#/components/schemas/Meta' };

const STREAM = { 'text/event-stream': { schema: { type: 'string' } } };

function contentOf({ stream, bare, returns, produces }: EndpointPolicy): Json {
  if (stream === true)
    return returns === undefined ? STREAM : { 'application/json': { schema: dataSchema(returns) }, ...STREAM };
  const types = (produces ?? []).map(
    (type) => [type.split(';', 1)[0] ?? type, { schema: { type: 'string' } }] as const,
  );
  if (produces !== undefined && returns === undefined) return Object.fromEntries(types);
  const data = dataSchema(returns);
  const enveloped = { type: 'object', required: ['data', 'meta'], properties: { data, meta: META } };
  return { 'application/json': { schema: bare === true ? data : enveloped }, ...Object.fromEntries(types) };
}

function headerRef(components: Components, { name, does, schema }: HeaderRow): Json {
  components.headers[name] ??= { description: does, schema };
  return { $ref: `#/components/headers/${name}` };
}

function headersOf(policy: EndpointPolicy, status: number, components: Components): Json {
  const rows = answerHeaders.filter((row) => row.on(policy, status));
  return Object.fromEntries(rows.map((row) => [row.name, headerRef(components, row)]));
}

/** What is refused before anyone can tell which endpoint was meant has the common form, also where the endpoint has another. */
const BEFORE_ITS_ROUTE = new Set<ErrorRow>([
  httpErrors.badRequest,
  httpErrors.requestTimeout,
  httpErrors.uriTooLong,
  httpErrors.headersTooLarge,
]);

function formOf({ errors }: EndpointPolicy, rows: readonly ErrorRow[]): Json {
  const [common, own] = ['Error', 'OpenAiError'].map((name) => ({ $ref: `#/components/schemas/${name}` }));
  if (errors !== 'openai') return { ...common };
  return rows.some((row) => BEFORE_ITS_ROUTE.has(row)) ? { anyOf: [own, common] } : { ...own };
}

const errorSchema = (codes: readonly string[], form: Json): Json => ({
  allOf: [
    form,
    {
      type: 'object',
      properties: { error: { type: 'object', properties: { code: { type: 'string', enum: codes } } } },
    },
  ],
});

function refusal(policy: EndpointPolicy, status: number, rows: readonly ErrorRow[], components: Components): Json {
  const codeOf = (row: ErrorRow): string => (policy.errors === 'openai' ? openAiCodeOf(row) : row.code);
  const codes = [...new Set(rows.map(codeOf))];
  return {
    description: rows.map((row) => `\`${codeOf(row)}\`: ${row.title}`).join('  \n'),
    headers: headersOf(policy, status, components),
    content: { 'application/json': { schema: errorSchema(codes, formOf(policy, rows)) } },
  };
}

/** Refusals that many endpoints share stand in the components, named by their codes. */
function refusalRef(policy: EndpointPolicy, status: number, rows: readonly ErrorRow[], components: Components): Json {
  const whole = refusal(policy, status, rows, components);
  if (rows.some(({ area }) => area !== 'http' && area !== 'auth' && area !== 'commands')) return whole;
  const limited = policy.role === 'public' ? 'Public' : policy.rate === 'none' ? 'Free' : 'Limited';
  const form = policy.errors === 'openai' ? 'OpenAi.' : '';
  const name = `${form}${limited}.${status}.${[...new Set(rows.map(({ code }) => code))].join('.')}`;
  components.responses[name] ??= whole;
  return { $ref: `#/components/responses/${name}` };
}

function responsesOf(policy: EndpointPolicy, components: Components): Json {
  const responses: Record<string, Json> = {};
  for (const status of [policy.status, ...(policy.also ?? [])]) {
    const headers = headersOf(policy, status, components);
    const content = status === 204 || status === 304 ? {} : { content: contentOf(policy) };
    const description = policy.stream === true ? 'A stream of events' : SUCCESS[status];
    responses[status] = { description: description ?? 'Done', headers, ...content };
  }
  const byStatus = Map.groupBy(refusalsOf(policy), ({ kind }) => statusOfKind[kind]);
  for (const [status, rows] of byStatus) responses[status] = refusalRef(policy, status, rows, components);
  return responses;
}

const SUCCESS: Readonly<Record<number, string>> = {
  200: 'Done',
  201: 'Made',
  202: 'Accepted; the work goes on',
  204: 'Done; there is no body',
  206: 'A part',
  304: 'Not changed; there is no body',
};

const words = (name: string): string => name.replace(/([A-Z])/g, ' $1').toLowerCase();

/** What a part of an address is, when the endpoint does not say it: `corpusId` is the id of the corpus. */
function pathSentence(name: string): string {
  const thing = /^(.+)Id$/.exec(name)?.[1];
  return thing === undefined ? `The ${words(name)}` : `The id of the ${words(thing)}`;
}

function pathParameters(url: string): Json[] {
  return [...url.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: pathSentence(name),
    schema: { type: 'string', minLength: 1, maxLength: 512 },
  }));
}

function parametersOf(endpoint: CompiledEndpoint, operation: Json, components: Components): Json[] {
  const declared = (operation['parameters'] ?? []) as Json[];
  const query = declared.filter((parameter) => parameter['in'] === 'query');
  const headers = requestHeaders.filter((row) => row.on(endpoint.policy));
  for (const { name, does: description, schema } of headers)
    components.parameters[name] ??= { name, in: 'header', required: false, description, schema };
  const refs = headers.map(({ name }) => ({ $ref: `#/components/parameters/${name}` }));
  return [...pathParameters(endpoint.url), ...query, ...refs];
}

/** An example of a schema from those of its fields, or from their defaults and first choices; what has none is left out. */
export function exampleOf(schema: Json, components: Components): unknown {
  const { $ref: ref, allOf, example, default: given, enum: choices } = schema;
  if (typeof ref === 'string')
    return exampleOf((components.schemas[ref.split('/').at(-1) ?? ''] ?? {}) as Json, components);
  if (Array.isArray(allOf)) return exampleOf(allOf[0] as Json, components);
  return example ?? given ?? (Array.isArray(choices) ? choices[0] : composedExample(schema, components));
}

function composedExample(schema: Json, components: Components): unknown {
  if (schema['properties'] !== undefined) return objectExample(schema, components);
  if (schema['type'] !== 'array') return undefined;
  const item = exampleOf((schema['items'] ?? {}) as Json, components);
  return item === undefined ? undefined : [item];
}

function objectExample(schema: Json, components: Components): Json {
  const fields = Object.entries(schema['properties'] as Readonly<Record<string, Json>>);
  const given = fields.map(([name, field]) => [name, exampleOf(field, components)] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

function requestBody({ policy }: CompiledEndpoint, components: Components): Json | undefined {
  const dto = bodyOf(policy);
  if (dto === undefined && policy.upload === undefined) return undefined;
  const ref = dto === undefined ? { type: 'object' } : { $ref: getSchemaPath(dto) };
  const named = (dto === undefined ? {} : components.schemas[dto.name]) as Json;
  const form = {
    allOf: [ref, { type: 'object', required: ['file'], properties: { file: { type: 'string', format: 'binary' } } }],
  };
  const multipart = policy.upload === undefined ? {} : { 'multipart/form-data': { schema: form } };
  if (policy.upload !== undefined && policy.upload.optional !== true) return { required: true, content: multipart };
  named['additionalProperties'] = false;
  const required = ((named['required'] ?? []) as unknown[]).length > 0;
  const json = { 'application/json': { schema: ref, example: exampleOf(ref, components) } };
  return { required, content: { ...json, ...multipart } };
}

/** Everything that an operation says beyond its summary and its query: it follows from the endpoint's declaration. */
export function describeOperation(endpoint: CompiledEndpoint, operation: Json, components: Components): Json {
  const body = requestBody(endpoint, components);
  return {
    ...operation,
    parameters: parametersOf(endpoint, operation, components),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: responsesOf(endpoint.policy, components),
  };
}
