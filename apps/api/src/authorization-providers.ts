import type { Provider } from '@nestjs/common';
import { DEFAULT_PLAN } from '#domain/capabilities/plans/catalogue.decider.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import type { AppDeps } from './app.module.js';
import { PolicyAdministration } from './capabilities/authorization/authorization.handler.js';
import { PolicyQueries } from './capabilities/authorization/authorization.queries.js';
import { NamedResources } from './capabilities/authorization/named-resources.queries.js';
import { DocumentPermissions } from './capabilities/authorization/permissions.handler.js';
import { Simulation } from './capabilities/authorization/simulation.handler.js';
import { Authorization } from './commands/authorization.js';
import { Commands } from './commands/commands.js';
import { DocumentAccess } from './commands/document-access.js';
import { ReadYourWrites } from './commands/read-your-writes.js';
import { ShownDocuments } from './commands/shown-documents.js';
import { settingsOf } from './edge-gates.js';

/** The gates of documents and corpora for every capability, and what administers them. */
export function authorizationProviders({ platform, gates, policy }: AppDeps): Provider[] {
  const { config, path, database } = platform;
  const { authorization } = gates;
  const { AUTHZ_MAX_POLICY_BYTES: maxBytes, AUTHZ_MAX_POLICY_DEPTH: maxDepth } = config.authorization;
  const rules = { maxBytes, maxDepth, allowWildcards: config.authorization.AUTHZ_ALLOW_WILDCARDS };
  const planOf = (tenantId: string): string => policy.plans.get(tenantId, tenantId)?.plan_id ?? DEFAULT_PLAN;
  return [
    { provide: Authorization, useValue: authorization },
    {
      provide: DocumentAccess,
      inject: [ShownDocuments],
      useFactory: (shown: ShownDocuments) => new DocumentAccess({ authorization, path, shown, database }),
    },
    PolicyQueries,
    {
      provide: PolicyAdministration,
      inject: [Commands, PolicyQueries],
      useFactory: (commands: Commands, queries: PolicyQueries) => new PolicyAdministration(commands, queries, rules),
    },
    {
      provide: DocumentPermissions,
      inject: [Commands, ReadModels, DocumentAccess],
      useFactory: (commands: Commands, readModels: ReadModels, access: DocumentAccess) =>
        new DocumentPermissions(commands, readModels, access),
    },
    {
      provide: NamedResources,
      inject: [ReadModels, ReadYourWrites, ShownDocuments, DocumentAccess],
      useFactory: (models: ReadModels, reads: ReadYourWrites, shown: ShownDocuments, documents: DocumentAccess) =>
        new NamedResources(models, reads, shown, documents),
    },
    {
      provide: Simulation,
      inject: [PolicyQueries, NamedResources, ShownDocuments],
      useFactory: (queries: PolicyQueries, resources: NamedResources, shown: ShownDocuments) =>
        new Simulation({
          queries,
          shown,
          resources,
          access: gates.access,
          planOf,
          settings: settingsOf(config),
          simulates: config.authorization.AUTHZ_SIMULATION_ENABLED,
        }),
    },
  ];
}
