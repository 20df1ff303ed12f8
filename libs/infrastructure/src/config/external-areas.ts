import { defineConfig } from './define-config.js';
import { boolean, int, secret, string, url } from './fields.js';
import type { Secret } from './secret.js';

const HTTP = ['http://', 'https://'];

/** The receiver of billing messages. */
export const billingArea = defineConfig(
  'billing',
  'Where caps that are reached and upgrades that are asked for are told to.',
  {
    BILLING_WEBHOOK_ENABLED: boolean('Whether the billing webhook is called; it needs its URL and its secret.', false),
    BILLING_WEBHOOK_URL: url('Where the messages are posted.', HTTP),
    BILLING_WEBHOOK_SECRET: secret('Signs the messages; one that begins with whsec_ is a key in base64.', {
      minLength: 8,
    }),
    BILLING_WEBHOOK_TIMEOUT_MS: int('How long one attempt may take.', {
      default: 2_000,
      min: 100,
      max: 60_000,
      unit: 'ms',
    }),
  },
);

/** How long usage is kept in detail. */
export const usageArea = defineConfig('usage', 'What is kept of what was used.', {
  USAGE_COUNTER_RETENTION_DAYS: int('How long usage by minute is kept; by day it is kept for ever.', {
    default: 120,
    min: 8,
    max: 3_650,
    unit: 'days',
  }),
});

/** How every other service is called. */
export const externalArea = defineConfig('external', 'How other services are called.', {
  EXT_CALL_TIMEOUT_MS: int('The longest that any attempt may take.', {
    default: 8_000,
    min: 100,
    max: 120_000,
    unit: 'ms',
  }),
  EXT_RETRY_MAX_ATTEMPTS: int('Attempts of one call in all.', { default: 2, min: 1, max: 10 }),
  EXT_RETRY_BACKOFF_MS: int('The first pause between attempts; it doubles, and a random part of it is waited.', {
    default: 200,
    min: 0,
    max: 60_000,
    unit: 'ms',
  }),
  CB_FAILURE_THRESHOLD: int('Failures in a row after which a service is not called for a tenant for a while.', {
    default: 5,
    min: 1,
    max: 1_000,
  }),
  CB_OPEN_SECONDS: int('How long it is not called then.', { default: 30, min: 1, max: 3_600, unit: 's' }),
  CB_HALF_OPEN_TRIALS: int('Calls at one time that try it after that.', { default: 2, min: 1, max: 100 }),
  CB_REDIS_PREFIX: string('Before every breaker in Redis.', 'nexusrag:cb'),
});

/** What is missing for the receiver that is switched on. */
export function billingProblems(billing: {
  readonly BILLING_WEBHOOK_ENABLED: boolean;
  readonly BILLING_WEBHOOK_URL: string | undefined;
  readonly BILLING_WEBHOOK_SECRET: Secret | undefined;
}): string[] {
  const { BILLING_WEBHOOK_ENABLED: enabled, BILLING_WEBHOOK_URL: to, BILLING_WEBHOOK_SECRET: signedBy } = billing;
  if (!enabled || (to !== undefined && signedBy !== undefined)) return [];
  return ['BILLING_WEBHOOK_ENABLED needs BILLING_WEBHOOK_URL and BILLING_WEBHOOK_SECRET'];
}
