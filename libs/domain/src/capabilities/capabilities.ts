import { defineCapability, type Capability } from '../kernel/capability.js';
import type { EventDefinition } from '../kernel/events.js';
import { apiKeyUse } from './api-keys/api-key-use.decider.js';
import { apiKeyErrors, apiKeys } from './api-keys/api-keys.decider.js';
import { authErrors } from './api-keys/auth-errors.decider.js';
import { apiKeyEvents } from './api-keys/api-keys.events.js';
import { apiKeyRows } from './api-keys/api-keys.projection.js';
import { accessEvents } from './access/access.events.js';
import { accessRetention } from './access-retention/access-retention.decider.js';
import { accessRetentionEvents } from './access-retention/access-retention.events.js';
import { auditErrors, auditProjection } from './audit/audit.projection.js';
import { audioCapability } from './audio/audio.adapter.js';
import { authorizationErrors, authzPolicies } from './authorization/authorization.decider.js';
import { authorizationEvents } from './authorization/authorization.events.js';
import { documentAclRows, policyRows } from './authorization/authorization.projection.js';
import { authorizationReactions } from './authorization/authorization.reactions.js';
import { documentAcl } from './authorization/document-acl.decider.js';
import { billing, billingErrors } from './billing/billing.decider.js';
import { billingEvents } from './billing/billing.events.js';
import { deliverWebhook } from './billing/billing.handler.js';
import { billingReactions } from './billing/billing.reactions.js';
import { circuitBreakers } from './circuit-breakers/circuit-breakers.decider.js';
import { circuitBreakerEvents } from './circuit-breakers/circuit-breakers.events.js';
import { corpora, corpusErrors } from './corpora/corpora.decider.js';
import { corpusEvents } from './corpora/corpora.events.js';
import { corpusWork } from './corpora/corpora.handler.js';
import { providerConfigErrors } from './corpora/provider-config.decider.js';
import { dataSubjects } from './data-subjects/data-subjects.decider.js';
import { dataSubjectEvents } from './data-subjects/data-subjects.events.js';
import { forgottenSubjectRows } from './data-subjects/data-subjects.projection.js';
import { embeddingsCapability } from './embeddings/embeddings.adapter.js';
import { documentErrors, documents } from './documents/documents.decider.js';
import { documentEvents } from './documents/documents.events.js';
import { documentJobs } from './documents/documents.handler.js';
import { documentContents, documentRows } from './documents/documents.projection.js';
import { documentReactions } from './documents/documents.reactions.js';
import { keyringCapability } from './keyring/keyring.adapter.js';
import { ledgerBreaks } from './ledger-breaks/ledger-breaks.decider.js';
import { ledgerBreakEvents } from './ledger-breaks/ledger-breaks.events.js';
import { maintenance, maintenanceErrors } from './maintenance/maintenance.decider.js';
import { maintenanceEvents } from './maintenance/maintenance.events.js';
import { maintenanceRows } from './maintenance/maintenance.projection.js';
import { planErrors, plans } from './plans/plans.decider.js';
import { planEvents } from './plans/plans.events.js';
import { tenantPlanRows } from './plans/plans.projection.js';
import { quotaErrors, quotas } from './quotas/quotas.decider.js';
import { quotaEvents } from './quotas/quotas.events.js';
import { quotaRows } from './quotas/quotas.projection.js';
import { rateLimitErrors, rateLimits } from './rate-limits/rate-limits.decider.js';
import { rateLimitEvents } from './rate-limits/rate-limits.events.js';
import { rateLimitRows } from './rate-limits/rate-limits.projection.js';
import { rolloutErrors, rollouts } from './rollouts/rollouts.decider.js';
import { rolloutEvents } from './rollouts/rollouts.events.js';
import { rolloutRows } from './rollouts/rollouts.projection.js';
import { runErrors, runs } from './runs/runs.decider.js';
import { runEvents } from './runs/runs.events.js';
import { feedback, feedbackErrors } from './feedback/feedback.decider.js';
import { feedbackEvents } from './feedback/feedback.events.js';
import { feedbackRows } from './feedback/feedback.projection.js';
import { forgetRun } from './runs/runs.handler.js';
import { runRows } from './runs/runs.projection.js';
import { runReactions } from './runs/runs.reactions.js';
import { sessionErrors, sessions } from './sessions/sessions.decider.js';
import { sessionEvents } from './sessions/sessions.events.js';
import { purgeSession } from './sessions/sessions.handler.js';
import { sessionRows } from './sessions/sessions.projection.js';
import { sessionReactions } from './sessions/sessions.reactions.js';
import { tenantErrors, tenants } from './tenants/tenants.decider.js';
import { tenantEvents } from './tenants/tenants.events.js';
import { tenantRows } from './tenants/tenants.projection.js';
import { uiActions, uiErrors } from './ui/ui.decider.js';
import { uiEvents } from './ui/ui.events.js';
import { uiActionRows } from './ui/ui.projection.js';
import { writeFreeze } from './write-freeze/write-freeze.decider.js';
import { writeFreezeEvents } from './write-freeze/write-freeze.events.js';
import { applyWriteFreezeJob } from './write-freeze/write-freeze.handler.js';
import { writeFreezeRows } from './write-freeze/write-freeze.projection.js';
import { writeFreezeReactions } from './write-freeze/write-freeze.reactions.js';
import { transcriptionsCapability } from './transcriptions/transcriptions.adapter.js';
import { usageRetention } from './usage/usage.decider.js';
import { usageEvents } from './usage/usage.events.js';
import { usageCounters, usageDays, usageMinutes, usageStorage } from './usage/usage.projection.js';

const recorded: readonly Capability[] = [
  defineCapability({
    name: 'tenants',
    events: tenantEvents,
    errors: tenantErrors,
    deciders: [tenants],
    projections: [tenantRows],
  }),
  defineCapability({
    name: 'api-keys',
    events: apiKeyEvents,
    errors: { ...apiKeyErrors, ...authErrors },
    deciders: [apiKeys, apiKeyUse],
    projections: [apiKeyRows],
  }),
  defineCapability({
    name: 'corpora',
    events: corpusEvents,
    errors: { ...corpusErrors, ...providerConfigErrors },
    deciders: [corpora],
    ...corpusWork,
  }),
  defineCapability({
    name: 'data-subjects',
    events: dataSubjectEvents,
    deciders: [dataSubjects],
    projections: [forgottenSubjectRows],
  }),
  audioCapability,
  embeddingsCapability,
  transcriptionsCapability,
  defineCapability({
    name: 'documents',
    events: documentEvents,
    errors: documentErrors,
    deciders: [documents],
    projections: [documentRows],
    reactions: [documentReactions],
    jobs: documentJobs,
    namesContent: documentContents,
  }),
  defineCapability({
    name: 'authorization',
    events: authorizationEvents,
    errors: authorizationErrors,
    deciders: [authzPolicies, documentAcl],
    projections: [policyRows, documentAclRows],
    reactions: [authorizationReactions],
  }),
  keyringCapability,
  defineCapability({ name: 'access-retention', events: accessRetentionEvents, deciders: [accessRetention] }),
  defineCapability({ name: 'circuit-breakers', events: circuitBreakerEvents, deciders: [circuitBreakers] }),
  defineCapability({ name: 'ledger-breaks', events: ledgerBreakEvents, deciders: [ledgerBreaks] }),
  defineCapability({
    name: 'maintenance',
    events: maintenanceEvents,
    errors: maintenanceErrors,
    deciders: [maintenance],
    projections: [maintenanceRows],
  }),
  defineCapability({
    name: 'plans',
    events: planEvents,
    errors: planErrors,
    deciders: [plans],
    projections: [tenantPlanRows],
  }),
  defineCapability({
    name: 'quotas',
    events: quotaEvents,
    errors: quotaErrors,
    deciders: [quotas],
    projections: [quotaRows],
  }),
  defineCapability({
    name: 'billing',
    events: billingEvents,
    errors: billingErrors,
    deciders: [billing],
    reactions: [billingReactions],
    jobs: [deliverWebhook],
  }),
  defineCapability({
    name: 'usage',
    events: usageEvents,
    deciders: [usageRetention],
    projections: [usageMinutes, usageDays, usageCounters, usageStorage],
  }),
  defineCapability({
    name: 'rate-limits',
    events: rateLimitEvents,
    errors: rateLimitErrors,
    deciders: [rateLimits],
    projections: [rateLimitRows],
  }),
  defineCapability({
    name: 'rollouts',
    events: rolloutEvents,
    errors: rolloutErrors,
    deciders: [rollouts],
    projections: [rolloutRows],
  }),
  defineCapability({
    name: 'runs',
    events: runEvents,
    errors: runErrors,
    deciders: [runs],
    projections: [runRows],
    reactions: [runReactions],
    jobs: [forgetRun],
    namesContent: [
      { projection: runRows, column: 'message_content_id' },
      { projection: runRows, column: 'answer_content_id' },
      { projection: runRows, column: 'trace_content_id' },
    ],
  }),
  defineCapability({
    name: 'sessions',
    events: sessionEvents,
    errors: sessionErrors,
    deciders: [sessions],
    projections: [sessionRows],
    reactions: [sessionReactions],
    jobs: [purgeSession],
    namesContent: [{ projection: sessionRows, column: 'title_content_id' }],
  }),
  defineCapability({
    name: 'feedback',
    events: feedbackEvents,
    errors: feedbackErrors,
    deciders: [feedback],
    projections: [feedbackRows],
    namesContent: [{ projection: feedbackRows, column: 'comment_content_id' }],
  }),
  defineCapability({
    name: 'write-freeze',
    events: writeFreezeEvents,
    deciders: [writeFreeze],
    projections: [writeFreezeRows],
    reactions: [writeFreezeReactions],
    jobs: [applyWriteFreezeJob],
  }),
  defineCapability({
    name: 'ui',
    events: uiEvents,
    errors: uiErrors,
    deciders: [uiActions],
    projections: [uiActionRows],
  }),
];

/** The definition of every event type, by name. */
export const eventDefinitions: ReadonlyMap<string, EventDefinition> = new Map(
  recorded.flatMap((capability) => Object.entries(capability.events)),
);

/** The audit log of what changed, over the domain log. */
export const auditRows = auditProjection({ table: 'audit_events', version: 2, definitions: eventDefinitions });

/** The audit log of who came, who was refused and who looked, over the access log. */
export const accessRows = auditProjection({
  table: 'access_events',
  version: 1,
  definitions: new Map(Object.entries(accessEvents)),
});

/** Every capability of the platform; the machinery runs these and names none. */
export const capabilities: readonly Capability[] = [
  ...recorded,
  defineCapability({ name: 'access', log: 'access', events: accessEvents, projections: [accessRows] }),
  defineCapability({ name: 'audit', events: {}, errors: auditErrors, projections: [auditRows] }),
];
