import fc from 'fast-check';
import { apiKeys, type ApiKeyCommand } from '#domain/capabilities/api-keys/api-keys.decider.js';
import { apiKeyEvents, roles, type ApiKeyEvent } from '#domain/capabilities/api-keys/api-keys.events.js';
import { capabilities, eventDefinitions } from '#domain/capabilities/capabilities.js';
import type { DocumentCommand } from '#domain/capabilities/documents/document-commands.decider.js';
import { documents } from '#domain/capabilities/documents/documents.decider.js';
import { documentEvents, type DocumentEvent } from '#domain/capabilities/documents/documents.events.js';
import { plans, type PlanCommand } from '#domain/capabilities/plans/plans.decider.js';
import { planEvents, type PlanEvent } from '#domain/capabilities/plans/plans.events.js';
import { rollouts, type RolloutCommand } from '#domain/capabilities/rollouts/rollouts.decider.js';
import { rolloutEvents, type RolloutEvent } from '#domain/capabilities/rollouts/rollouts.events.js';
import type { AnyDecider } from '#domain/kernel/decider.js';
import type { AnyProjection } from '#domain/kernel/projection.js';
import { eventsOf } from '#test/support/arbitrary.js';
import { checkDecisions, checkFold, checkProjection } from '#test/support/laws.js';

const everyEvent = Object.fromEntries(eventDefinitions);
const deciders = capabilities.flatMap(({ name, events, deciders: of }) =>
  of.map((decider: AnyDecider) => ({ name, decider, events })),
);
const projections = capabilities.flatMap(({ log, events, projections: of }) =>
  of.map((projection: AnyProjection) => ({
    table: projection.table,
    projection,
    events: projection.onAny === undefined || log === 'access' ? events : everyEvent,
  })),
);

describe('every decider', () => {
  it.each(deciders)('of $name folds any history to one state', ({ decider, events }) => checkFold(decider, events));
});

describe('every projection', () => {
  it.each(projections)('folds any history into whole rows of $table', ({ projection, events }) =>
    checkProjection(projection, events, 'things'),
  );
});

const id = fc.integer({ min: 1, max: 4 }).map((n) => `01900000-0000-7000-8000-00000000000${n}`);
const newKey = fc.record({ keyId: id, keyHash: fc.constant('a'.repeat(64)), keyPrefix: fc.constant('nrgk_') });

describe('decisions', () => {
  it('on API keys are pure, and a repeated one changes nothing', () => {
    const commands: fc.Arbitrary<ApiKeyCommand> = fc.oneof(
      fc.record({
        type: fc.constant('RevokeApiKey' as const),
        data: fc.record({ keyId: id, evenLastAdmin: fc.boolean() }),
      }),
      fc.record({
        type: fc.constant('RotateApiKey' as const),
        data: fc.record({ oldKeyId: id, newKey, keepOldActive: fc.constant(false) }),
      }),
      newKey.chain((stored) =>
        fc.constantFrom(...roles).map((role) => ({
          type: 'CreateApiKey' as const,
          data: { ...stored, name: null, role, userId: 'u', expiresAt: null },
        })),
      ),
    );
    // A key's id is fresh by construction, so creating is never repeated; the command path answers a repeat.
    checkDecisions(apiKeys, eventsOf(apiKeyEvents) as fc.Arbitrary<ApiKeyEvent>, commands, [
      'CreateApiKey',
      'RotateApiKey',
    ]);
  });

  it('on plans are pure, and a repeated one changes nothing', () => {
    const feature = fc.constantFrom('feature.tts', 'feature.audit_access', 'feature.none');
    const commands: fc.Arbitrary<PlanCommand> = fc.oneof(
      fc.record({
        type: fc.constant('AssignPlan' as const),
        data: fc.record({ planId: fc.constantFrom('free', 'pro', 'enterprise', 'gold') }),
      }),
      fc.record({
        type: fc.constant('SetFeatureOverride' as const),
        data: fc.record(
          {
            featureKey: feature,
            enabled: fc.constantFrom(true, false, null),
            configJson: fc.constantFrom(null, { a: 1 }),
          },
          { requiredKeys: ['featureKey'] },
        ),
      }),
      fc.record({
        type: fc.constant('RemoveFeatureOverride' as const),
        data: fc.record({ featureKey: feature }),
      }),
      fc.record({
        type: fc.constant('RequestPlanUpgrade' as const),
        data: fc.record({ targetPlan: fc.constantFrom('pro' as const, 'enterprise' as const), requestedBy: id }),
      }),
    );
    checkDecisions(plans, eventsOf(planEvents) as fc.Arbitrary<PlanEvent>, commands);
  });

  it('on switches are pure, and a repeated one changes nothing', () => {
    const names = fc.constantFrom('kill.run', 'kill.tts', 'rollout.tts', 'kill.none');
    const commands: fc.Arbitrary<RolloutCommand> = fc.oneof(
      fc.record({
        type: fc.constant('ChangeKillSwitches' as const),
        data: fc.record({ killSwitches: fc.dictionary(names, fc.constantFrom(true, false, null)) }),
      }),
      fc.record({
        type: fc.constant('ChangeCanaries' as const),
        data: fc.record({ percentages: fc.dictionary(names, fc.option(fc.integer({ min: -200, max: 200 }))) }),
      }),
    );
    checkDecisions(rollouts, eventsOf(rolloutEvents) as fc.Arbitrary<RolloutEvent>, commands);
  });

  it('on documents are pure, and a repeated one changes nothing', () => {
    const chunking = fc.record({ size: fc.integer({ min: 0, max: 9 }), overlap: fc.integer({ min: -1, max: 9 }) });
    const startedAt = fc.constant('2026-11-29T00:00:00.000Z');
    const commands: fc.Arbitrary<DocumentCommand> = fc.oneof(
      fc.record({ type: fc.constant('ReindexDocument' as const), data: fc.record({ chunking }) }),
      fc.record({ type: fc.constant('StartProcessing' as const), data: fc.record({ jobId: id, startedAt }) }),
      fc.record({
        type: fc.constant('CompleteIndexing' as const),
        data: fc.record({ jobId: id, startedAt, chunkCount: fc.nat(), embeddingSpace: fc.constant('hash') }),
      }),
      fc.record({
        type: fc.constant('FailIngestion' as const),
        data: fc.record({ jobId: id, startedAt, reason: fc.constant('x'), code: fc.constant('FILE_BROKEN') }),
      }),
      fc.record({
        type: fc.constant('ReportProgress' as const),
        data: fc.record({
          jobId: id,
          stage: fc.constantFrom('parsed' as const, 'embedded' as const),
          done: fc.nat(),
          total: fc.nat(),
        }),
      }),
      fc.record({
        type: fc.constant('ChangeDetails' as const),
        data: fc.record({ labels: fc.constantFrom({}, { team: 'a' }) }, { requiredKeys: [] }),
      }),
      fc.constant({ type: 'DeleteDocument' as const, data: {} }),
    );
    checkDecisions(documents, eventsOf(documentEvents) as fc.Arbitrary<DocumentEvent>, commands);
  });
});
