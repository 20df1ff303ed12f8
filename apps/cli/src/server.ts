import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { apiKeyRows } from '#domain/capabilities/api-keys/api-keys.projection.js';
import { capabilities } from '#domain/capabilities/capabilities.js';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import { closeGracefully, createApi, listen } from '#api/api.module.js';
import { AppModule } from '#api/app.module.js';
import { openGates, type EdgeGates } from '#api/edge-gates.js';
import type { ReadinessCheck } from '#api/health/health.js';
import { endpointsOf } from '#api/http/openapi.js';
import type { CompiledEndpoint } from '#api/http/policy.js';
import { PolicyState } from '#api/policy-state.js';
import { openAuthenticator } from '#api/capabilities/api-keys/open-authenticator.adapter.js';
import { EventStreams } from '#api/capabilities/event-stream/event-stream.handler.js';
import { maintenanceJob } from '#api/maintenance-providers.js';
import { RunRescue } from '#api/capabilities/runs/run-rescue.handler.js';
import { RunExecutor } from '#api/capabilities/runs/runs.handler.js';
import type { Answerer } from '#infra/adapters/llm/answerer.js';
import type { Config } from '#infra/config/config.js';
import { keepStatistics } from '#infra/database/statistics.js';
import { HotStates } from '#infra/hot-state/hot-state.js';
import { JobQueue } from '#infra/jobs/job-queue.js';
import { openLedgers, type Ledgers } from '#infra/platform/ledger.js';
import { Platform } from '#infra/platform/platform.js';
import { ProjectionAdmin } from '#infra/projections/admin.js';
import { ReaderHeartbeat } from '#infra/projections/readers.js';
import { ProjectionWaiter } from '#infra/projections/waiter.js';
import { createTracing } from '#infra/telemetry/tracing.js';
import { observeAccess } from '#infra/telemetry/access-metrics.js';
import { observeLog } from '#infra/telemetry/log-metrics.js';
import { createMetrics, type Metrics } from '#infra/telemetry/metrics.js';
import { observeOutbound } from '#infra/telemetry/outbound-metrics.js';
import type { Logger } from '#infra/telemetry/logger.js';
import { jobsOf, Projector } from '#projector/projector.js';
import { seedPolicies } from './operations/keys.js';
import { replayForgotten } from './operations/persons.js';
import { recordBreaker } from './breaker-record.js';
import { corporaSource } from './corpora-source.js';
import { soleApi } from './sole-api.js';
import { OperatorContext, OperatorController } from './operator.controller.js';

export type Role = 'api' | 'projector';

export interface ServerOptions {
  readonly config: Config;
  readonly roles: readonly Role[];
  readonly logger: Logger;
  readonly version: string;
  readonly onStep?: (step: string) => Promise<void> | void;
  /** What answers questions in place of the configured answerer. */
  readonly answerer?: Answerer;
  /** True for the server of one command, which only its operator calls: it may run beside any other. */
  readonly ofCommand?: boolean;
}

/** A running process: its address when it has the api role. */
export interface RunningServer {
  readonly url: string | undefined;
  /** What the api serves; none without that role. */
  readonly endpoints: readonly CompiledEndpoint[];
  readonly operatorToken: string;
  readonly platform: Platform;
  stop(): Promise<void>;
}

/** Starts the roles in one process, in the order in which they need each other. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, roles, logger } = options;
  const onProblem = (error: unknown, where: string): void =>
    logger.error({ err: error, where }, 'a background task failed');
  const platform = await Platform.open({
    config,
    capabilities,
    documentsView: `read.${documentRows.table}_v${documentRows.version}`,
    corpora: corporaSource,
    recordBreaker,
    log: { info: (message) => logger.info(message), warn: (message) => logger.warn(message) },
    onProblem,
    jobs: (opened) => [maintenanceJob(opened)],
    ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
  });
  const operatorToken = `nrgop_${randomBytes(32).toString('base64url')}`;
  const stops: (() => Promise<unknown>)[] = [() => platform.close()];
  stops.push(keepStatistics(platform.database, (error) => onProblem(error, 'statistics')));
  const stop = async (): Promise<void> => {
    for (const step of stops.splice(0).reverse()) {
      await step().catch((error: unknown) => onProblem(error, 'stop'));
    }
  };
  try {
    let ledgers: Ledgers | undefined;
    if (roles.includes('projector')) {
      const projector = await Projector.open(platform);
      await projector.start();
      stops.push(() => projector.stop(config.http.SHUTDOWN_GRACE_MS));
      ({ ledgers } = projector);
    }
    ledgers ??= await openLedgers(config, platform.stores, platform.logs, (error) => onProblem(error, 'ledger'));
    const api = roles.includes('api') ? await startApi(options, platform, ledgers, operatorToken, stops) : undefined;
    return { url: api?.url, endpoints: api?.endpoints ?? [], operatorToken, platform, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const SETTLE_MS = 1_000;

type Stops = (() => Promise<unknown>)[];

/** What an api process follows: read models that are up to date, and policy in memory. */
async function follow({ logger }: ServerOptions, platform: Platform, stops: Stops) {
  const { database, log, accessLog, registry, processId } = platform;
  const projections = new ProjectionAdmin({ database, log, accessLog, registry });
  const heartbeat = new ReaderHeartbeat({ database, processId, versions: registry.projections });
  await heartbeat.start();
  stops.push(() => heartbeat.stop());
  await readModelsReady(projections, logger);
  await replayForgotten(platform);
  await seedPolicies(platform, SYSTEM_TENANT);
  const waiter = new ProjectionWaiter({ database, progress: platform.progress });
  await waiter.start();
  stops.push(() => waiter.stop());
  const hot = new HotStates({ database, log, toRecorded: (stored) => registry.toRecorded(stored) });
  const policy = new PolicyState(hot);
  await hot.start();
  stops.push(() => hot.stop());
  const settled = async (): Promise<void> => {
    const head = await log.head();
    if (head === null) return;
    await Promise.all([hot.catchUp(head, SETTLE_MS), waiter.waitFor(apiKeyRows, head, SETTLE_MS)]);
  };
  return { projections, waiter, policy, settled };
}

async function startApi(
  options: ServerOptions,
  platform: Platform,
  ledgers: Ledgers,
  operatorToken: string,
  stops: Stops,
): Promise<{ readonly url: string; readonly endpoints: readonly CompiledEndpoint[] }> {
  const { config, logger, version, answerer } = options;
  if (options.ofCommand !== true) {
    const sole = await soleApi(platform);
    stops.push(() => sole.release());
  }
  const { projections, waiter, policy, settled } = await follow(options, platform, stops);
  const jobs = new JobQueue({ database: platform.database, jobs: jobsOf(platform) });
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SERVICE_NAME: serviceName } = config.telemetry;
  const tracing = createTracing({ endpoint, serviceName, logger });
  if (tracing !== undefined) stops.push(() => tracing.close());
  const gates = openGates(platform, policy);
  stops.push(() => gates.stop());
  const authentication = openAuthenticator(platform, policy.keys, operatorToken);
  stops.push(() => authentication.stop());
  const app = await createApi({
    ...gates,
    http: config.http,
    metricsToken: config.telemetry.METRICS_TOKEN,
    logger,
    metrics: metricsOf(platform, gates),
    ...(tracing === undefined ? {} : { tracing }),
    authenticator: authentication.authenticator,
    ...(config.idempotency.IDEMPOTENCY_ENABLED ? { idempotency: platform.idempotency } : {}),
    readiness: readinessOf(platform),
    imports: [
      AppModule.with({ platform, waiter, ledgers, policy, gates, answerer }),
      operatorModule({ platform, projections, ledger: ledgers.domain, accessLedger: ledgers.access, jobs, settled }),
    ],
    version,
  });
  const rest = app.get(RunRescue, { strict: false }).watch();
  stops.push(() => stopApi(app, config.http.SHUTDOWN_GRACE_MS));
  stops.push(() => Promise.resolve(rest()));
  stops.push(() => Promise.resolve(app.get(EventStreams, { strict: false }).stop()));
  return { url: await listen(app, config.http), endpoints: endpointsOf(app) };
}

function metricsOf({ logSignals, outbound }: Platform, { access }: EdgeGates): Metrics {
  return observeOutbound(observeAccess(observeLog(createMetrics(), logSignals), access), outbound);
}

/** The stores that must answer; metrics show those that are servers of their own. */
function readinessOf(platform: Platform): readonly ReadinessCheck[] {
  return [
    { name: 'database', component: 'postgres', check: () => platform.database.ping() },
    { name: 'event_log', component: 'event_log', check: () => platform.log.head().then(() => true) },
    {
      name: 'shared_state',
      optional: true,
      ...(platform.config.data.REDIS_URL === undefined ? {} : { component: 'redis' }),
      check: () => platform.shared.healthy(),
    },
  ];
}

@Module({})
class OperatorModule {}

function operatorModule(parts: OperatorContext['parts']) {
  const provider = { provide: OperatorContext, useValue: new OperatorContext(parts) };
  return { module: OperatorModule, controllers: [OperatorController], providers: [provider] };
}

async function stopApi(app: NestFastifyApplication, graceMs: number): Promise<void> {
  const runs = app.get(RunExecutor, { strict: false }).stop(graceMs);
  await closeGracefully(app, graceMs);
  await runs;
}

/** A projector makes the tables; an api that starts with it, or before it, waits. */
async function readModelsReady(projections: ProjectionAdmin, logger: Logger): Promise<void> {
  for (let wait = 5; !(await projections.ready()); wait = Math.min(2_000, wait * 2)) {
    if (wait > 500) logger.warn('waiting for a projector to bring the read models up to date');
    await delay(wait);
  }
}
