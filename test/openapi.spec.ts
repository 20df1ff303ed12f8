import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { DeclaredAnswers, type Exchange } from '#test/support/declared.js';

type Json = Readonly<Record<string, unknown>>;
interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: string;
  readonly description?: string;
  readonly schema?: Json;
}
interface Response {
  readonly $ref?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, { readonly schema: Json }>>;
}
interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly security?: readonly Json[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Json; readonly example?: unknown }>>;
  };
  readonly responses: Readonly<Record<string, Response>>;
}

const generated = join(import.meta.dirname, '../docs/generated');
const text = readFileSync(join(generated, 'openapi.json'), 'utf8');
const document = JSON.parse(text) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};

const operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
  Object.entries(verbs).map(([verb, operation]) => ({ at: `${verb.toUpperCase()} ${path}`, path, verb, operation })),
);

function resolved<T extends { readonly $ref?: string }>(part: T): T {
  if (part.$ref === undefined) return part;
  const [, , kind = '', name = ''] = part.$ref.split('/');
  return document.components[kind]?.[name] as T;
}

/** Where an operation breaks a rule: one line a place. */
const broken = (rule: (operation: Operation, at: string) => readonly string[]): readonly string[] =>
  operations.flatMap(({ at, operation }) => rule(operation, at).map((what) => `${at}: ${what}`));

const responsesOf = (operation: Operation): readonly (readonly [string, Response])[] =>
  Object.entries(operation.responses).map(([status, response]) => [status, resolved(response)]);

/** What clients of the OpenAI API call, in its own forms. */
const OPENAI = /\/v1\/(?:models|chat\/|embeddings|audio\/transcriptions)/;
const BARE = new RegExp(`^/v1/(?:healthz$|scim/)|${OPENAI.source}`);

describe('the OpenAPI document', () => {
  it('is valid by the schema of OpenAPI 3.1', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(JSON.parse(text) as Record<string, unknown>);
    expect({ valid, errors, version: validator.version }).toEqual({ valid: true, errors: undefined, version: '3.1' });
  });

  it('refers only to parts that it has', () => {
    const refs = [...text.matchAll(/"\$ref": "#\/components\/(\w+)\/([^"]*)"/g)];
    expect(refs.length).toBeGreaterThan(100);
    expect(refs.filter(([, kind = '', name = '']) => document.components[kind]?.[name] === undefined)).toEqual([]);
  });

  it('gives each operation an id of its own, a summary and, unless it is public, its credential', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
    expect(broken((operation) => (operation.summary ? [] : ['has no summary']))).toEqual([]);
    const open = operations.filter(({ operation }) => operation.security === undefined).map(({ path }) => path);
    expect(open.filter((path) => !/^\/v1\/(health|metrics|audio|auth\/sso|scim)/.test(path))).toEqual([]);
  });

  it('describes every parameter and bounds it', () => {
    const bounds = ['maxLength', 'pattern', 'enum', 'format', 'maximum', 'minimum', 'const'];
    const problems = broken(({ parameters }) =>
      parameters
        .map(resolved)
        .flatMap(({ name, description = '', schema = {} }) => [
          ...(description === '' ? [`${name} says not what it is`] : []),
          ...(schema['type'] === 'boolean' || bounds.some((bound) => schema[bound] !== undefined)
            ? []
            : [`${name} has no bounds`]),
        ]),
    );
    expect(problems).toEqual([]);
  });

  it('declares every part of an address as a parameter', () => {
    const problems = operations.flatMap(({ at, path, operation }) => {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
      return JSON.stringify(inPath) === JSON.stringify(declared) ? [] : [at];
    });
    expect(problems).toEqual([]);
  });

  /** What HTTP itself refuses has the common form everywhere: nobody knows yet which endpoint is meant. */
  const formsOf = (openAi: boolean, status: string): readonly string[] => {
    const [common, own] = ['Error', 'OpenAiError'].map((name) => ({ $ref: `#/components/schemas/${name}` }));
    if (!openAi) return [JSON.stringify(common)];
    return [JSON.stringify(['400', '408', '414', '431'].includes(status) ? { anyOf: [own, common] } : own)];
  };

  it('answers every refusal in the one form, or in that of its protocol, with codes that stand on the page of errors', () => {
    const page = readFileSync(join(generated, 'errors.md'), 'utf8');
    const problems = broken((operation, at) =>
      responsesOf(operation).flatMap(([status, { content }]) => {
        if (Number(status) < 400) return [];
        const [form, narrowed] = (content?.['application/json']?.schema['allOf'] ?? []) as readonly Json[];
        if (!formsOf(OPENAI.test(at), status).includes(JSON.stringify(form)))
          return [`${status} is not the form of errors`];
        const codes =
          JSON.stringify(narrowed)
            .match(/"enum":\[([^\]]*)\]/)?.[1]
            ?.split(',') ?? [];
        const pageNames = (code: string): boolean =>
          page.includes(`\`${code.slice(1, -1).toUpperCase()}\` | ${status} |`);
        const unknown = codes.filter((code) => !pageNames(code));
        return codes.length === 0 ? [`${status} names no code`] : unknown.map((code) => `${status} ${code} is unknown`);
      }),
    );
    expect(problems).toEqual([]);
  });

  it('wraps every JSON answer in the envelope, but for the bare probe and foreign protocols', () => {
    const problems = operations.flatMap(({ at, path, operation }) =>
      responsesOf(operation).flatMap(([status, { content }]) => {
        const { schema } = content?.['application/json'] ?? {};
        if (Number(status) >= 300 || schema === undefined || BARE.test(path)) return [];
        return JSON.stringify(schema['required']) === '["data","meta"]' ? [] : [`${at} ${status}`];
      }),
    );
    expect(problems).toEqual([]);
  });

  it('promises the request id on every answer, and no 500', () => {
    const problems = broken((operation) =>
      responsesOf(operation).flatMap(([status, { headers }]) => [
        ...(headers?.['X-Request-Id'] === undefined ? [`${status} lacks X-Request-Id`] : []),
        ...(status === '500' && !JSON.stringify(operation).includes('KEYRING') ? ['declares a 500'] : []),
      ]),
    );
    expect(problems).toEqual([]);
  });

  it('shows for every JSON body an example that its own schema accepts', () => {
    const ajv = new Ajv2020({ strict: false, validateSchema: false, validateFormats: false });
    ajv.addSchema(document, 'openapi');
    const problems = broken(({ requestBody }) => {
      const { schema, example } = requestBody?.content['application/json'] ?? {};
      if (schema === undefined) return [];
      const validate = ajv.compile({ $ref: `openapi${String(schema['$ref'])}` });
      return validate(example) ? [] : [ajv.errorsText(validate.errors, { dataVar: 'example' })];
    });
    expect(problems).toEqual([]);
  });
});

describe('an answer', () => {
  const declared = DeclaredAnswers.committed();
  const meta = { request_id: 'r1', api_version: 'v1' };
  const exchange = (path: string, status: number, body: unknown, headers: Record<string, string> = {}): Exchange => {
    const all = { 'content-type': 'application/json; charset=utf-8', 'x-request-id': 'r1', ...headers };
    const code = (body as { error?: { code: string } }).error?.code;
    return {
      method: 'GET',
      path,
      answer: { status, headers: new Headers(all), text: JSON.stringify(body), body, code },
    };
  };

  it('is as declared by its status, code, envelope and data', () => {
    const fine = exchange('/v1/health', 200, { data: { status: 'ok' }, meta });
    expect(declared.problemOf(fine)).toBeUndefined();
    const refused = { error: { code: 'NOT_FOUND', message: 'Corpus not found' }, meta };
    expect(declared.problemOf(exchange('/v1/corpora/c9', 404, refused))).toBeUndefined();
  });

  it.each([
    ['an undeclared status', exchange('/v1/health', 418, { data: {}, meta }), 'status 418'],
    ['a 500', exchange('/v1/corpora', 500, { error: { code: 'INTERNAL_ERROR', message: 'm' }, meta }), 'status 500'],
    [
      'another code',
      exchange('/v1/corpora/c9', 404, { error: { code: 'GONE', message: 'm' }, meta }),
      'allowed values',
    ],
    ['no envelope', exchange('/v1/health', 200, { status: 'ok' }), 'data'],
    ['data of another form', exchange('/v1/health', 200, { data: { status: 7 }, meta }), 'must be string'],
    ['an unknown address', exchange('/v1/nothing', 200, { data: {}, meta }), 'no such address'],
    ['another type', exchange('/v1/health', 200, {}, { 'content-type': 'text/html' }), 'no body of the type'],
  ])('is not as declared with %s', (_, answer, problem) => {
    expect(declared.problemOf(answer)).toContain(problem);
  });
});
