import multipart from '@fastify/multipart';
import { Module } from '@nestjs/common';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

import type { Config } from '#infra/config/config.js';
import type { Logger } from '#infra/telemetry/logger.js';
import { observeDependencies, observeGauge } from '#infra/telemetry/metrics.js';
import type { Metrics } from '#infra/telemetry/metrics.js';
import type { Tracing } from '#infra/telemetry/tracing.js';

import { HealthController } from './health/health.controller.js';
import { answers, Health } from './health/health.js';
import type { ReadinessCheck } from './health/health.js';
import { OriginPolicy } from './http/browser-headers.js';
import { ApiDocument, DocsController } from './http/docs.controller.js';
import { EdgeAdapter } from './http/edge-adapter.js';
import { EdgeFilter } from './http/error-answer.js';
import type { AccessLog, Admission, Authorizing, Entitlements, WriteGate } from './http/gates.js';
import type { IdempotencyPort } from './http/idempotency-port.js';
import { NestLogger } from './http/nest-logger.js';
import { openApiDocument } from './http/openapi.js';
import type { Authenticator } from './http/principal.js';

/** All that the HTTP edge is given from outside. */
export interface ApiDeps {
  readonly http: Config['http'];
  readonly metricsToken: Config['telemetry']['METRICS_TOKEN'];
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Absent: no spans are made. */
  readonly tracing?: Tracing;
  readonly authenticator: Authenticator;
  /** Absent: Idempotency-Key is ignored. */
  readonly idempotency?: IdempotencyPort;
  /** Absent gates let everything through. */
  readonly access?: AccessLog | undefined;
  readonly admission?: Admission | undefined;
  readonly entitlements?: Entitlements | undefined;
  readonly writeGate?: WriteGate | undefined;
  readonly authorization?: Authorizing | undefined;
  readonly readiness: readonly ReadinessCheck[];
  /** The capabilities' module or modules. */
  readonly imports: readonly (Type<unknown> | DynamicModule)[];
  readonly version: string;
}

@Module({})
class EdgeModule {}

function edgeModule(deps: ApiDeps, health: Health, document: ApiDocument): DynamicModule {
  return {
    module: EdgeModule,
    imports: [...deps.imports],
    controllers: deps.http.DOCS_ENABLED ? [HealthController, DocsController] : [HealthController],
    providers: [
      { provide: Health, useValue: health },
      { provide: ApiDocument, useValue: document },
    ],
  };
}

function dependenciesOf(checks: readonly ReadinessCheck[]) {
  return checks.flatMap((check) =>
    check.component === undefined ? [] : [{ component: check.component, answers: () => answers(check) }],
  );
}

/**
 * Builds the HTTP application: gates, envelopes, errors, health and documentation around the given modules. It is initialised
 * (all routes are known and checked) but does not listen yet. Throws when a route has no policy.
 */
export async function createApi(deps: ApiDeps): Promise<NestFastifyApplication> {
  const { http, metrics, logger } = deps;
  const adapter = new EdgeAdapter({
    logger,
    metrics,
    tracing: deps.tracing,
    authenticator: deps.authenticator,
    idempotency: deps.idempotency,
    access: deps.access,
    admission: deps.admission,
    entitlements: deps.entitlements,
    writeGate: deps.writeGate,
    authorization: deps.authorization,
    maxRequestBytes: http.MAX_REQUEST_BYTES,
    maxUploadBytes: http.MAX_UPLOAD_BYTES,
    requestTimeoutMs: http.REQUEST_TIMEOUT_SECONDS * 1_000,
    origins: new OriginPolicy(http.CORS_ALLOW_ORIGINS),
    trustedProxies: http.TRUSTED_PROXIES,
    legacyRoutes: http.LEGACY_ROUTES,
  });
  const health = new Health({ metrics, metricsToken: deps.metricsToken, checks: deps.readiness });
  const document = new ApiDocument();
  const app = await NestFactory.create<NestFastifyApplication>(edgeModule(deps, health, document), adapter, {
    logger: new NestLogger(logger),
    bodyParser: false,
    abortOnError: false,
  });
  await app.register(multipart, { throwFileSizeLimit: true });
  app.setGlobalPrefix('v1');
  app.useGlobalFilters(new EdgeFilter());
  document.use(() => openApiDocument(app, deps.version));
  observeDependencies(metrics, dependenciesOf(deps.readiness));
  observeGauge(metrics, 'sse_open_streams', 'Open event streams', () => adapter.streams.size);
  await app.init();
  await adapter.getInstance().ready();
  return app;
}

/** Listens and returns the address, with the port that was taken. */
export async function listen(
  app: NestFastifyApplication,
  http: Pick<Config['http'], 'HOST' | 'PORT'>,
): Promise<string> {
  await app.listen(http.PORT, http.HOST);
  return app.getUrl();
}

/** Stops in order: says that it is not ready, takes no new connection, lets streams and requests end within `graceMs`, closes. */
export async function closeGracefully(app: NestFastifyApplication, graceMs: number): Promise<void> {
  const adapter: unknown = app.getHttpAdapter();
  app.get(Health, { strict: false }).startDraining();
  const server = app.getHttpServer();
  const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const until = performance.now() + graceMs;
  if (adapter instanceof EdgeAdapter) await adapter.streams.drain(graceMs);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>(
    (resolve) => (timer = setTimeout(resolve, Math.max(0, until - performance.now()) + 250)),
  );
  // A stream's connection is idle only after its end, and would be kept for the client's next request.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  await Promise.race([stopped, late]);
  clearInterval(sweep);
  clearTimeout(timer);
  server.closeAllConnections();
  await app.close();
}
