import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import type { Answerer } from '#infra/adapters/llm/answerer.js';
import { CommandPath } from '#infra/commands/command-path.js';
import type { Ledgers } from '#infra/platform/ledger.js';
import type { Platform } from '#infra/platform/platform.js';
import type { ProjectionWaiter } from '#infra/projections/waiter.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import { Commands, RunCommandHandler } from './commands/commands.js';
import { apiKeyProviders } from './api-key-providers.js';
import type { EdgeGates } from './edge-gates.js';
import { authorizationProviders } from './authorization-providers.js';
import { DocumentAccess } from './commands/document-access.js';
import { maintenanceProviders } from './maintenance-providers.js';
import type { PolicyState } from './policy-state.js';
import { ReadYourWrites, type ProgressWaiter } from './commands/read-your-writes.js';
import { ShownDocuments } from './commands/shown-documents.js';
import { QuotaSnapshots } from './commands/quota-snapshots.js';
import { SelfAdministration } from './commands/self-administration.js';
import { TenantDirectory } from './commands/tenant-directory.js';
import { AdminApiKeysController } from './capabilities/api-keys/admin-api-keys.controller.js';
import { SelfServeApiKeysController } from './capabilities/api-keys/self-serve-api-keys.controller.js';
import { AuditController } from './capabilities/audit/audit.controller.js';
import { AuditProofs } from './capabilities/audit/audit-proofs.queries.js';
import { AuditQueries } from './capabilities/audit/audit.queries.js';
import { AuthorizationController } from './capabilities/authorization/authorization.controller.js';
import { CorporaController } from './capabilities/corpora/corpora.controller.js';
import { CorpusEmbeddingChoices } from './capabilities/corpora/corpus-embedding.adapter.js';
import { CorpusProviders } from './capabilities/corpora/corpus-providers.adapter.js';
import { CorpusQueries } from './capabilities/corpora/corpora.queries.js';
import { DocumentsController } from './capabilities/documents/documents.controller.js';
import { DocumentIntake } from './capabilities/documents/documents.handler.js';
import { MaintenanceController } from './capabilities/maintenance/maintenance.controller.js';
import { Features } from './commands/features.js';
import { PlansController } from './capabilities/plans/plans.controller.js';
import { PlanQueries } from './capabilities/plans/plans.queries.js';
import { SelfServePlanController } from './capabilities/plans/self-serve-plan.controller.js';
import { rolloutDefaults } from '#domain/capabilities/rollouts/rollouts.ports.js';
import { Rollouts } from './commands/rollouts.js';
import { TenantAdmission } from './capabilities/rate-limits/rate-limits.adapter.js';
import { RateLimitsController } from './capabilities/rate-limits/rate-limits.controller.js';
import { RateLimitQueries } from './capabilities/rate-limits/rate-limits.queries.js';
import { RolloutsController } from './capabilities/rollouts/rollouts.controller.js';
import { BillingController } from './capabilities/billing/billing.controller.js';
import { WebhookTest } from './capabilities/billing/billing.handler.js';
import { UsageController } from './capabilities/usage/usage.controller.js';
import { UsageQueries } from './capabilities/usage/usage.queries.js';
import { UsageTables } from './capabilities/usage/usage-tables.queries.js';
import { QuotasController } from './capabilities/quotas/quotas.controller.js';
import { KeyringController } from './capabilities/keyring/keyring.controller.js';
import { OpenAiController } from './capabilities/openai/openai.controller.js';
import { RunRescue } from './capabilities/runs/run-rescue.handler.js';
import { retrievalControllers, retrievalProviders } from './retrieval-providers.js';
import { RunsController } from './capabilities/runs/runs.controller.js';
import { RunExecutor } from './capabilities/runs/runs.handler.js';
import { EventStreamController } from './capabilities/event-stream/event-stream.controller.js';
import { EventStreams } from './capabilities/event-stream/event-stream.handler.js';
import { openEventStreams } from './event-stream-provider.js';
import { UiController } from './capabilities/ui/ui.controller.js';
import { audioProviders } from './audio-providers.js';
import { runProviders } from './run-providers.js';
import { AudioController } from './capabilities/audio/audio.controller.js';
import { TranscriptionsController } from './capabilities/transcriptions/transcriptions.controller.js';
import { openAiProviders } from './openai-providers.js';
import { keyringProviders } from './keyring-providers.js';
import { SystemHealthController } from './capabilities/system-health/system-health.controller.js';
import { systemHealthProvider } from './system-health-provider.js';
import { ChunksController } from './capabilities/documents/document-chunks.controller.js';
import { WriteFreezeController } from './capabilities/write-freeze/write-freeze.controller.js';
import { FeedbackController } from './capabilities/feedback/feedback.controller.js';
import { RunRecordsController } from './capabilities/runs/run-records.controller.js';
import { SessionsController } from './capabilities/sessions/sessions.controller.js';
import { sessionProviders } from './session-providers.js';
import { uiProviders } from './ui-providers.js';

/** What the capabilities' controllers are given. */
export interface AppDeps {
  readonly platform: Platform;
  readonly waiter: ProjectionWaiter;
  readonly ledgers: Ledgers;
  /** Policy in memory, and the gates that it feeds. */
  readonly policy: PolicyState;
  readonly gates: EdgeGates;
  /** The configured one when absent. */
  readonly answerer?: Answerer | undefined;
}

const controllers = [
  AdminApiKeysController,
  AuditController,
  AuthorizationController,
  CorporaController,
  DocumentsController,
  ChunksController,
  KeyringController,
  MaintenanceController,
  WriteFreezeController,
  PlansController,
  BillingController,
  QuotasController,
  UsageController,
  RolloutsController,
  RateLimitsController,
  RunsController,
  RunRecordsController,
  ...retrievalControllers,
  SessionsController,
  FeedbackController,
  SelfServePlanController,
  SelfServeApiKeysController,
  UiController,
  EventStreamController,
  SystemHealthController,
  OpenAiController,
  AudioController,
  TranscriptionsController,
];

/** Every capability of the API; a new one adds its controller and what that needs. */
@Module({})
export class AppModule {
  static with(deps: AppDeps): DynamicModule {
    return {
      module: AppModule,
      imports: [CqrsModule.forRoot()],
      controllers,
      providers: [
        ...shared(deps),
        ...queries(deps),
        ...maintenanceProviders(deps),
        ...apiKeyProviders(deps),
        ...authorizationProviders(deps),
        ...[...runProviders(deps), ...retrievalProviders(deps)],
        ...uiProviders(deps),
        ...sessionProviders(deps),
        { provide: EventStreams, useValue: openEventStreams(deps) },
        systemHealthProvider(deps),
        ...keyringProviders(deps),
        ...openAiProviders(deps.platform),
        ...audioProviders(deps.platform),
      ],
      exports: [EventStreams, RunExecutor, RunRescue],
    };
  }
}

/** Past this, a quota is shown as memory has it. */
const SETTLE_MS = 1_000;

function shared({ platform, waiter, policy, gates }: AppDeps): Provider[] {
  const versions = new Map(platform.registry.projections.map(({ table, version }) => [table, version]));
  const waitFor: ProgressWaiter['waitFor'] = async (table, position, timeoutMs) => {
    const [reached] = await Promise.all([
      waiter.waitFor({ table, version: versions.get(table) ?? 1 }, position, timeoutMs),
      // What the next request is let in by is in memory too.
      policy.keeps(table) ? policy.catchUp(position, timeoutMs) : true,
    ]);
    return reached;
  };
  const reads = new ReadYourWrites({ waitFor }, () => platform.log.head());
  const shown = new ShownDocuments(platform.readModels, reads, platform.path);
  const { meter } = gates;
  const settled = async (tenantId: string): Promise<void> => {
    const position = await meter.written(tenantId);
    if (position !== null) await policy.catchUp(position, SETTLE_MS);
  };
  const { TENANT_SELF_ADMINISTRATION: rule } = platform.config.auth;
  return [
    { provide: CommandPath, useValue: platform.path },
    { provide: ReadModels, useValue: platform.readModels },
    { provide: ReadYourWrites, useValue: reads },
    { provide: ShownDocuments, useValue: shown },
    { provide: Rollouts, useValue: new Rollouts(policy.rollouts, rolloutDefaults(platform.config.rollouts)) },
    { provide: Features, useValue: new Features(gates.entitlements, gates.access) },
    { provide: SelfAdministration, useValue: new SelfAdministration(rule) },
    { provide: QuotaSnapshots, useValue: new QuotaSnapshots({ source: meter, settled }) },
    TenantDirectory,
    RunCommandHandler,
    Commands,
  ];
}

function queries({ platform, ledgers, gates }: AppDeps): Provider[] {
  return [
    { provide: CorpusEmbeddingChoices, useValue: new CorpusEmbeddingChoices(platform) },
    { provide: CorpusProviders, useValue: new CorpusProviders(platform.config) },
    CorpusQueries,
    PlanQueries,
    RateLimitQueries,
    { provide: TenantAdmission, useValue: gates.admission },
    {
      provide: AuditQueries,
      inject: [ReadYourWrites],
      useFactory: (reads: ReadYourWrites) => new AuditQueries(platform.database, reads),
    },
    { provide: AuditProofs, useValue: new AuditProofs(ledgers) },
    {
      provide: WebhookTest,
      inject: [Commands],
      useFactory: (commands: Commands) => new WebhookTest(commands, platform.billingWebhook),
    },
    {
      provide: UsageQueries,
      inject: [ReadModels, ReadYourWrites, QuotaSnapshots],
      useFactory: (models: ReadModels, reads: ReadYourWrites, snapshots: QuotaSnapshots) => {
        const tables = new UsageTables(platform.database, models);
        return new UsageQueries({ tables, reads, snapshots, written: (tenantId) => gates.meter.written(tenantId) });
      },
    },
    {
      provide: DocumentIntake,
      inject: [Commands, Rollouts, DocumentAccess],
      useFactory: (commands: Commands, rollouts: Rollouts, access: DocumentAccess) =>
        new DocumentIntake(commands, platform.content, rollouts, access),
    },
  ];
}
