import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

/** What every access event says of its request: the path as sent, without the query. */
const request = { path: t.string, method: t.string };
const resource = ['endpoint', 'path'] as const;
const shown = ['path', 'method'] as const;

/** A refusal: its code, and how many of the same kind came from the same address in the window that it stands for. */
const refusal = { ...request, code: t.string, count: t.integer, windowSeconds: t.integer };
const refusalShown = [...shown, 'count', 'windowSeconds'] as const;

const view = (type: string) =>
  ({
    version: 1,
    data: { ...request, count: t.optional(t.integer) },
    audit: { type, category: 'data', outcome: 'success', resource, shows: [...shown, 'count'] },
  }) as const;

/** Who came, who was refused and who looked: millions a day, in a log of their own that retention cuts. */
export const accessEvents = defineEvents({
  RequestAuthenticated: {
    version: 1,
    data: { ...request, userId: t.nullable(t.string), authMode: t.string },
    audit: {
      type: 'auth.access.success',
      category: 'auth',
      outcome: 'success',
      resource,
      shows: [...shown, 'userId', 'authMode'],
    },
  },
  AuthenticationRefused: {
    version: 1,
    data: { ...refusal, inactiveDaysThreshold: t.optional(t.integer) },
    audit: {
      type: 'auth.access.failure',
      category: 'auth',
      outcome: 'failure',
      resource,
      shows: [...refusalShown, 'inactiveDaysThreshold'],
    },
  },
  ExpiredApiKeyRefused: {
    version: 1,
    data: refusal,
    audit: { type: 'auth.api_key.expired', category: 'auth', outcome: 'failure', resource, shows: refusalShown },
  },
  RoleRefused: {
    version: 1,
    data: {
      ...refusal,
      requiredRole: t.nullable(t.string),
      reason: t.oneOf('role', 'tenant', 'network', 'route', 'corpus'),
    },
    audit: {
      type: 'rbac.forbidden',
      category: 'auth',
      outcome: 'failure',
      resource,
      shows: [...refusalShown, 'requiredRole', 'reason'],
    },
  },
  FeatureRefused: {
    version: 1,
    data: { ...refusal, featureKey: t.string },
    audit: {
      type: 'plan.feature.denied',
      category: 'quota',
      outcome: 'failure',
      resource,
      shows: [...refusalShown, 'featureKey'],
    },
  },
  /** By a policy, or for want of one. */
  PolicyAccessDenied: {
    version: 1,
    data: {
      ...refusal,
      resourceType: t.string,
      resourceId: t.nullable(t.string),
      action: t.string,
      reason: t.string,
      policyId: t.nullable(t.string),
    },
    audit: {
      type: 'authz.policy.denied',
      category: 'security',
      outcome: 'failure',
      resource,
      shows: [...refusalShown, 'resourceType', 'resourceId', 'action', 'reason', 'policyId'],
    },
  },
  /** For want of a permission on the document. */
  DocumentAccessDenied: {
    version: 1,
    data: { ...refusal, documentId: t.string, action: t.string, reason: t.string },
    audit: {
      type: 'authz.access.denied',
      category: 'security',
      outcome: 'failure',
      resource,
      shows: [...refusalShown, 'documentId', 'action', 'reason'],
    },
  },
  /** An admin asked what a policy would do. */
  PolicySimulated: {
    version: 1,
    data: { ...request, policyId: t.string, allowed: t.boolean, reason: t.string },
    audit: {
      type: 'authz.simulation.run',
      category: 'security',
      outcome: 'success',
      resource,
      shows: [...shown, 'policyId', 'allowed', 'reason'],
    },
  },
  /** An admin asked what somebody may do, and why. What is asked by the way of every request is on record where it is denied. */
  PolicyEvaluated: {
    version: 1,
    data: {
      ...request,
      resourceType: t.string,
      resourceId: t.nullable(t.string),
      action: t.string,
      allowed: t.boolean,
      reason: t.string,
      policyId: t.nullable(t.string),
    },
    audit: {
      type: 'authz.policy.evaluate',
      category: 'security',
      outcome: 'success',
      resource,
      shows: [...shown, 'resourceType', 'resourceId', 'action', 'allowed', 'reason', 'policyId'],
    },
  },
  RequestRateLimited: {
    version: 1,
    data: {
      ...refusal,
      scope: t.oneOf('api_key', 'tenant', 'address'),
      routeClass: t.string,
      /** Null when no wait helps. */
      retryAfterMs: t.nullable(t.integer),
    },
    audit: {
      type: 'security.rate_limited',
      category: 'security',
      outcome: 'failure',
      resource,
      shows: [...refusalShown, 'scope', 'routeClass', 'retryAfterMs'],
    },
  },
  RateLimitDegraded: {
    version: 1,
    data: { ...request, count: t.integer, windowSeconds: t.integer },
    audit: {
      type: 'system.rate_limit.degraded',
      category: 'system',
      outcome: 'failure',
      resource,
      shows: [...shown, 'count', 'windowSeconds'],
    },
  },
  QuotaBlocked: {
    version: 1,
    data: {
      ...refusal,
      period: t.oneOf('day', 'month'),
      metric: t.oneOf('requests', 'tokens'),
      used: t.integer,
      limit: t.integer,
    },
    audit: {
      type: 'quota.hard_cap_blocked',
      category: 'quota',
      outcome: 'failure',
      resource,
      shows: [...refusalShown, 'period', 'metric', 'used', 'limit'],
    },
  },
  QuotaOverageObserved: {
    version: 1,
    data: {
      ...request,
      count: t.integer,
      windowSeconds: t.integer,
      period: t.oneOf('day', 'month'),
      metric: t.oneOf('requests', 'tokens'),
      used: t.integer,
      limit: t.integer,
    },
    audit: {
      type: 'quota.overage_observed',
      category: 'quota',
      outcome: 'success',
      resource,
      shows: [...shown, 'count', 'windowSeconds', 'period', 'metric', 'used', 'limit'],
    },
  },
  /** Writes were frozen. */
  FrozenWriteRefused: {
    version: 1,
    data: refusal,
    audit: {
      type: 'failover.write_freeze.toggled',
      category: 'ops',
      outcome: 'failure',
      resource,
      shows: refusalShown,
    },
  },
  ApiKeyCreationRefused: {
    version: 1,
    data: { ...refusal, reason: t.oneOf('limit_reached') },
    audit: {
      type: 'selfserve.api_key.created',
      category: 'security',
      outcome: 'failure',
      resource,
      shows: [...refusalShown, 'reason'],
    },
  },
  ApiKeysListed: view('selfserve.api_key.listed'),
  InactiveKeysReported: view('selfserve.api_key.inactive_reported'),
  UsageViewed: view('selfserve.usage.viewed'),
  PlanViewed: view('selfserve.plan.viewed'),
  MessagesViewed: view('session.messages.viewed'),
  OpsViewed: view('ops.viewed'),
  AuditEventsExported: view('audit.events.exported'),
});

export type AccessEvent = EventOf<typeof accessEvents>;

/** The access events that a read is recorded as. */
export type ViewType =
  | 'ApiKeysListed'
  | 'InactiveKeysReported'
  | 'UsageViewed'
  | 'PlanViewed'
  | 'MessagesViewed'
  | 'OpsViewed'
  | 'AuditEventsExported';
