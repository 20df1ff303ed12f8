import { statusOfKind } from '#api/http/errors.js';
import { openAiCodeOf } from '#api/http/openai-errors.js';
import type { CompiledEndpoint, EndpointPolicy } from '#api/http/policy.js';
import { refusalsOf } from '#api/http/refusals.js';
import type { ErrorRow } from '#domain/kernel/errors.js';

/** As much of a JSON schema as our documents use. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly default?: unknown;
  readonly example?: unknown;
  readonly examples?: readonly unknown[];
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: Schema;
}

interface DocumentedOperation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> };
}

/** An OpenAPI document, as far as it is read here. */
export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** One endpoint as it runs, with what our OpenAPI says of it. */
export interface Operation {
  /** `POST /v1/corpora` */
  readonly title: string;
  readonly verb: string;
  /** With its parameters, as `/v1/corpora/:corpusId`. */
  readonly url: string;
  readonly policy: EndpointPolicy;
  readonly pathParams: readonly string[];
  readonly query: readonly Parameter[];
  readonly headers: readonly Parameter[];
  /** Of the JSON body; undefined when it takes none. */
  readonly body: Schema | undefined;
  /** Of the multipart form; undefined when it takes none, or JSON as well. */
  readonly form: Schema | undefined;
  /** Whether its policy lets it refuse with this status and code. */
  refusesWith(status: number, code: string): boolean;
}

const JSON_BODY = /^application\/([\w.-]+\+)?json/;

/** The refusals that an endpoint's policy declares, as status and code. */
function refusalsDeclared(policy: EndpointPolicy): ReadonlySet<string> {
  const codeOf = (row: ErrorRow): string => (policy.errors === 'openai' ? openAiCodeOf(row) : row.code);
  return new Set(refusalsOf(policy).map((row) => `${statusOfKind[row.kind]} ${codeOf(row)}`));
}

function pathParamsOf(url: string): string[] {
  return [...url.matchAll(/:(\w+)/g)].map(([, name]) => name ?? '');
}

/** References within the document, in place of which their schemas stand. */
class References {
  constructor(private readonly document: ApiDocument) {}

  resolve(schema: Schema | undefined, depth = 0): Schema | undefined {
    if (schema === undefined || depth > 12) return schema;
    const { $ref } = schema;
    if ($ref !== undefined) {
      const name = $ref.slice('#/components/schemas/'.length);
      const found = this.document.components.schemas[name];
      if (found === undefined) throw new Error(`OpenAPI refers to ${$ref}, which is not there`);
      return this.resolve(found, depth + 1);
    }
    const walk = (inner: Schema): Schema => this.resolve(inner, depth + 1) ?? inner;
    const lists = Object.fromEntries(
      (['oneOf', 'anyOf', 'allOf'] as const).flatMap((key) =>
        schema[key] === undefined ? [] : [[key, schema[key].map(walk)]],
      ),
    );
    const properties = Object.fromEntries(
      Object.entries(schema.properties ?? {}).map(([key, inner]) => [key, walk(inner)]),
    );
    return {
      ...schema,
      ...lists,
      ...(schema.properties === undefined ? {} : { properties }),
      ...(schema.items === undefined ? {} : { items: walk(schema.items) }),
    };
  }
}

function operationOf({ policy, url }: CompiledEndpoint, document: ApiDocument): Operation {
  const path = url.replace(/:(\w+)/g, '{$1}');
  const told = document.paths[path]?.[policy.verb.toLowerCase()];
  if (told === undefined && policy.hidden !== true)
    throw new Error(`${policy.verb} ${url} is served, but not in OpenAPI`);
  const references = new References(document);
  const parameters = (told?.parameters ?? []).map((each) => ({
    ...each,
    schema: references.resolve(each.schema) ?? {},
  }));
  const content = Object.entries(told?.requestBody?.content ?? {});
  const schemaOf = (type: (name: string) => boolean): Schema | undefined =>
    references.resolve(content.find(([name]) => type(name))?.[1].schema);
  const json = schemaOf((name) => JSON_BODY.test(name));
  const refusals = refusalsDeclared(policy);
  return {
    title: `${policy.verb} ${url}`,
    verb: policy.verb,
    url,
    policy,
    pathParams: pathParamsOf(url),
    query: parameters.filter((each) => each.in === 'query'),
    headers: parameters.filter((each) => each.in === 'header'),
    body: json,
    form: json === undefined ? schemaOf((name) => name === 'multipart/form-data') : undefined,
    refusesWith: (status, code) => refusals.has(`${status} ${code}`),
  };
}

/** Every endpoint that a server serves, by path and verb. Throws when one is not in its OpenAPI. */
export function operationsOf(endpoints: readonly CompiledEndpoint[], document: ApiDocument): readonly Operation[] {
  const found = endpoints.map((endpoint) => operationOf(endpoint, document));
  return found
    .sort((a, b) => (a.title < b.title ? -1 : 1))
    .sort((a, b) => (a.url < b.url ? -1 : a.url > b.url ? 1 : 0));
}
