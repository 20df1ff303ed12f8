import { RetryLater } from '../../kernel/job.js';
import { attemptOf } from '../../kernel/testing/attempt.js';
import { recorded, specify } from '../../kernel/testing/given.js';
import { billing, type BillingCommand } from './billing.decider.js';
import type { BillingEvent } from './billing.events.js';
import { deliverWebhook, type DeliveryData } from './billing.handler.js';
import type { BillingPorts, WebhookOutcome } from './billing.ports.js';
import { billingReactions } from './billing.reactions.js';

const delivery = { deliveryId: 'd1', eventType: 'quota.soft_cap_reached' };
const delivered: BillingEvent = { type: 'BillingWebhookDelivered', data: { ...delivery, statusCode: 200 } };
const failed: BillingEvent = {
  type: 'BillingWebhookFailed',
  data: { ...delivery, statusCode: null, reason: 'network error' },
};
const succeed: BillingCommand = { type: 'RecordDelivery', data: delivered.data };
const giveUp: BillingCommand = { type: 'RecordFailure', data: failed.data };

const switches = {
  KILL_RUN: false,
  KILL_INGEST: false,
  KILL_TTS: false,
  KILL_EXTERNAL_RETRIEVAL: false,
  KILL_NOTIFICATIONS: false,
  ROLLOUT_TTS_PCT: 100,
  ROLLOUT_EXTERNAL_RETRIEVAL_PCT: 100,
};

describe('a delivery', () => {
  it('is delivered once, or given up once', () => {
    specify(billing).given().when(succeed).then(delivered);
    specify(billing).given(delivered).when(succeed).thenNothing();
    specify(billing).given(delivered).when(giveUp).thenNothing();
    specify(billing).given().when(giveUp).then(failed);
    specify(billing).given(failed).when(giveUp).thenNothing();
  });

  it('may be delivered after it was given up, when it is tried again', () => {
    specify(billing).given(failed).when(succeed).then(delivered);
  });
});

const cap = {
  tenantId: 't1',
  period: 'day',
  start: '2026-01-02',
  metric: 'requests',
  used: 80,
  limit: 100,
  dayUsed: 80,
  dayLimit: 100,
  monthUsed: 300,
  monthLimit: null,
  softCapRatio: 0.8,
  hardCap: true,
} as const;

describe('what the billing system is told', () => {
  it('is the payload of the contract, under the id of the event', () => {
    const event = recorded({ type: 'QuotaHardCapReached' as const, data: cap });
    expect(billingReactions.on.QuotaHardCapReached?.(event)).toEqual([
      {
        kind: 'job',
        job: 'billing.deliver-webhook',
        data: {
          tenantId: 't1',
          deliveryId: event.id,
          eventType: 'quota.hard_cap_blocked',
          stream: event.stream,
          payload: {
            event_type: 'quota.hard_cap_blocked',
            tenant_id: 't1',
            period: 'day',
            metric: 'requests',
            day_used: 80,
            day_limit: 100,
            month_used: 300,
            month_limit: null,
            timestamp: event.occurredAt,
          },
          sealed: {},
        },
      },
    ]);
  });

  it('holds the reason of an upgrade sealed until it is sent', () => {
    const data = {
      upgradeRequestId: 'u1',
      currentPlan: 'free',
      targetPlan: 'pro',
      requestedBy: 'p1',
      reason: 'SEALED',
    };
    const [effect] = billingReactions.on.PlanUpgradeRequested?.(recorded({ type: 'PlanUpgradeRequested', data })) ?? [];
    expect(effect).toMatchObject({
      data: { payload: { reason: null, request_id: 'u1' }, sealed: { reason: 'SEALED' } },
    });
  });
});

describe('the job that delivers', () => {
  const data: DeliveryData = {
    tenantId: 't1',
    ...delivery,
    stream: 'plans-t1.plan',
    payload: { event_type: delivery.eventType, reason: null },
    sealed: { reason: 'SEALED' },
  };

  async function attempt(
    outcome: WebhookOutcome,
    over: { lastAttempt?: boolean; enabled?: boolean; opened?: string | null } = {},
  ) {
    const sent: string[] = [];
    const commands: BillingCommand[] = [];
    const ports: BillingPorts = {
      commands: {
        load: (decider) => Promise.resolve(decider.initial),
        run: (_decider, _tenant, _stream, command) => {
          commands.push(command as unknown as BillingCommand);
          return Promise.resolve();
        },
      },
      personal: { open: () => Promise.resolve(over.opened ?? null) },
      webhook: {
        enabled: over.enabled ?? true,
        send: ({ body }) => {
          sent.push(body);
          return Promise.resolve(outcome);
        },
      },
      switches,
    };
    const { lastAttempt = false } = over;
    const error: unknown = await deliverWebhook.handle(attemptOf(data, { id: 'j1', lastAttempt }), ports).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return { sent, error, told: commands.map(({ type }) => type) };
  }
  const later = { kind: 'failed', statusCode: 503, reason: 'status 503', retryAfterSeconds: 7 } as const;

  it('sends the reason in clear, and null once its person was forgotten', async () => {
    const taken = { kind: 'delivered', statusCode: 200 } as const;
    expect(await attempt(taken, { opened: 'we grow' })).toEqual({
      sent: ['{"event_type":"quota.soft_cap_reached","reason":"we grow"}'],
      error: undefined,
      told: ['RecordDelivery'],
    });
    expect((await attempt(taken)).sent).toEqual(['{"event_type":"quota.soft_cap_reached","reason":null}']);
  });

  it('is over when the receiver refuses', async () => {
    const { error, told } = await attempt({ kind: 'refused', statusCode: 400 });
    expect([error, told]).toEqual([undefined, ['RecordFailure']]);
  });

  it('comes back when the receiver says, else by its own backoff, and tells of the last failure', async () => {
    const said = await attempt(later);
    expect([said.error, said.told]).toEqual([expect.objectContaining({ afterSeconds: 7 }), []]);
    expect(said.error).toBeInstanceOf(RetryLater);
    const silent = await attempt({ ...later, retryAfterSeconds: null });
    expect(silent.error).not.toBeInstanceOf(RetryLater);
    expect([silent.error, silent.told]).toEqual([expect.any(Error), []]);
    expect(await attempt(later, { lastAttempt: true })).toMatchObject({
      error: expect.any(Error),
      told: ['RecordFailure'],
    });
  });

  it('does nothing where there is no receiver', async () => {
    expect(await attempt(later, { enabled: false })).toEqual({ sent: [], error: undefined, told: [] });
  });
});
