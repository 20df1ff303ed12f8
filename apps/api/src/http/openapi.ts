import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';

import { EdgeAdapter } from './edge-adapter.js';
import { OPENAI_ERROR_SCHEMA } from './openai-errors.js';
import { ERROR_SCHEMA, META_SCHEMA } from './openapi-decorators.js';
import { describeOperation } from './openapi-operations.js';
import type { Components } from './openapi-operations.js';
import type { CompiledEndpoint } from './policy.js';

type Json = Record<string, unknown>;

/** OpenAPI 3.1 has no `nullable`: the type becomes a list with `null`. */
function modernise(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(modernise);
  if (typeof value !== 'object' || value === null) return value;
  const { nullable, ...rest } = value as Json;
  const walked: Json = Object.fromEntries(Object.entries(rest).map(([key, inner]) => [key, modernise(inner)]));
  if (nullable !== true) return walked;
  if (typeof walked['type'] === 'string') return { ...walked, type: [walked['type'], 'null'] };
  return { oneOf: [walked, { type: 'null' }] };
}

const sorted = (part: Json): Json =>
  Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)));

const ABOUT = `Multi-tenant retrieval-augmented answers as cited streams, on an event log that can be proved.

An address that is declared here answers other methods with 405 \`METHOD_NOT_ALLOWED\` and \`Allow\`; others are 404 \`NOT_FOUND\`.
A 500 \`INTERNAL_ERROR\` is a fault of the server and never part of the contract.`;

/** The OpenAPI 3.1 document of every endpoint that is not hidden, as plain JSON. */
export function openApiDocument(app: INestApplication, version: string): Json {
  const base = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('NexusRAG')
    .setDescription(ABOUT)
    .setVersion(version)
    .addServer('/')
    .addBearerAuth({ type: 'http', scheme: 'bearer' }, 'BearerAuth')
    .build();
  const made: OpenAPIObject = SwaggerModule.createDocument(app, base);
  const document = modernise(made) as Json & { paths: Record<string, Record<string, Json>>; components: Json };
  const components: Components = {
    schemas: {
      ...(document.components['schemas'] as Json),
      Meta: META_SCHEMA,
      Error: ERROR_SCHEMA,
      OpenAiError: OPENAI_ERROR_SCHEMA,
    },
    headers: {},
    parameters: {},
    responses: {},
  };
  const ids = new Set<unknown>();
  for (const endpoint of endpointsOf(app)) {
    const operations = document.paths[endpoint.url.replaceAll(/:(\w+)/g, '{$1}')] ?? {};
    const verb = endpoint.policy.verb.toLowerCase();
    const operation = operations[verb];
    if (operation === undefined) continue;
    // A controller at two addresses: the second has an id of its own.
    const operationId = String(operation['operationId']);
    const id = ids.has(operationId) ? `${operationId}Alias` : operationId;
    ids.add(id);
    operations[verb] = { ...describeOperation(endpoint, operation, components), operationId: id };
  }
  const shared = Object.fromEntries(Object.entries(components).map(([name, part]) => [name, sorted(part as Json)]));
  return { ...document, components: { ...document.components, ...shared } };
}

/** One line of the endpoint table. */
export interface EndpointRow {
  readonly verb: string;
  readonly path: string;
  readonly role: string;
  readonly rate: string;
  /** `free` where neither quota nor write gate stands in the way. */
  readonly quota: string;
  readonly feature: string;
  readonly audit: string;
  readonly idempotent: boolean;
  readonly does: string;
}

/** Every endpoint as registered, with the steps that guard it. */
export function endpointsOf(app: INestApplication): readonly CompiledEndpoint[] {
  const adapter: unknown = app.getHttpAdapter();
  if (!(adapter instanceof EdgeAdapter)) throw new Error('the application does not run on the edge adapter');
  return adapter.routes.endpoints;
}

/** Every endpoint as a line of the table, by path and verb. */
export function endpointTable(app: INestApplication): readonly EndpointRow[] {
  const rows = endpointsOf(app).map(({ url, policy }) => ({
    verb: policy.verb,
    path: url,
    role: policy.role,
    rate: policy.rate,
    quota: policy.recovery === true || policy.rate === 'none' ? 'free' : '',
    feature: policy.feature ?? '',
    audit: policy.audit ?? '',
    idempotent: policy.idempotent,
    does: policy.does,
  }));
  return rows.sort((a, b) => (a.path === b.path ? a.verb.localeCompare(b.verb) : a.path.localeCompare(b.path)));
}

/** The text of `docs/generated/endpoints.md`. */
export function renderEndpointsPage(rows: readonly EndpointRow[]): string {
  const lines = rows.map(
    (row) =>
      `| ${row.verb} | \`${row.path}\` | ${row.role} | ${row.feature} | ${row.rate} | ${row.quota} | ${row.audit} | ${row.idempotent ? 'yes' : ''} | ${row.does} |`,
  );
  return `# Endpoints\n\nEvery address also answers without \`/v1\`, as a deprecated alias, unless the decisions say otherwise.\n\n| Verb | Path | Role | Feature | Rate | Quota | Audit | Idempotency-Key | What it does |\n|---|---|---|---|---|---|---|---|---|\n${lines.join('\n')}\n`;
}

const require = createRequire(import.meta.url);
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** A file of the documentation page, served from this machine so that no other one is asked; undefined for other names. */
export function docsAsset(name: string): { readonly type: string; readonly bytes: Buffer } | undefined {
  const type = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined;
  if (type === undefined) return undefined;
  const folder = join(require.resolve('swagger-ui-dist/package.json'), '..');
  return { type, bytes: readFileSync(join(folder, name)) };
}

export const DOCS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>NexusRAG API</title>
<link rel="icon" href="/v1/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/v1/docs/assets/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="/v1/docs/assets/swagger-ui-bundle.js"></script>
<script src="/v1/docs/assets/start.js"></script>
</body>
</html>
`;

export const DOCS_SCRIPT = `SwaggerUIBundle({ url: '/v1/openapi.json', dom_id: '#ui', deepLinking: true });\n`;
