import { Module, type Type } from '@nestjs/common';
import { createApi } from '#api/api.module.js';
import { endpointTable, openApiDocument, renderEndpointsPage } from '#api/http/openapi.js';
import { loadConfig } from '#infra/config/config.js';
import { createLogger } from '#infra/telemetry/logger.js';
import { createMetrics } from '#infra/telemetry/metrics.js';
import { controllersOf } from './controllers.js';

type Controller = Type<object>;

/** Keys under which NestJS keeps what a constructor asks for: by type, and by `@Inject(token)`. */
const BY_TYPE = 'design:paramtypes';
const BY_TOKEN = 'self:paramtypes';
function dependenciesOf(controller: Controller): readonly (Type | string | symbol)[] {
  const byType = (Reflect.getMetadata(BY_TYPE, controller) ?? []) as readonly Type[];
  const byToken = (Reflect.getMetadata(BY_TOKEN, controller) ?? []) as readonly { index: number; param: Type }[];
  return byType.map((type, index) => byToken.find((entry) => entry.index === index)?.param ?? type);
}

/** The pages that follow from the endpoints. No store is opened: the controllers are built, never called. */
export async function renderApiDocs(
  root: string,
  compiled: (source: string) => string,
  version: string,
): Promise<ReadonlyMap<string, string>> {
  const controllers = [...(await controllersOf(root, compiled))];
  const provided = new Set(controllers.flatMap(dependenciesOf));

  @Module({ controllers, providers: [...provided].map((provide) => ({ provide, useValue: {} })) })
  class EveryEndpoint {}

  const config = loadConfig({ env: {}, readFile: () => undefined });
  const app = await createApi({
    http: config.http,
    metricsToken: undefined,
    logger: createLogger({ level: 'silent' }),
    metrics: createMetrics(),
    authenticator: { authenticate: () => Promise.reject(new Error('nobody calls')) },
    readiness: [],
    imports: [EveryEndpoint],
    version,
  });
  const openapi = openApiDocument(app, version);
  const endpoints = renderEndpointsPage(endpointTable(app));
  await app.close();
  return new Map([
    ['docs/generated/endpoints.md', endpoints],
    ['docs/generated/openapi.json', `${JSON.stringify(openapi, null, 2)}\n`],
  ]);
}
