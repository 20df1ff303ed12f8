import type { AccessEvent } from '#domain/capabilities/access/access.events.js';
import type { EndpointPair, ResourceOf } from '#domain/capabilities/authorization/pairs.ports.js';
import type { FeatureKey } from '#domain/capabilities/plans/features.events.js';
import type { Actor } from '#domain/kernel/events.js';

import type { CallerContext } from './caller.js';
import type { RateClass } from './policy.js';
import type { Principal } from './principal.js';

/** Who an access event is of. Of nobody known: the tenant `_system` and an anonymous actor. */
export interface AccessContext {
  readonly tenantId: string;
  readonly actor: Actor;
  readonly requestId: string;
  readonly ipAddress: string;
  readonly userAgent: string | null;
}

/** Records who came and who was refused. Neither call throws: what cannot be written is logged and counted. */
export interface AccessLog {
  /** In the background, within 100 ms. */
  record(event: AccessEvent, who: AccessContext): void;
  /** Resolves when the event is stored, so that a refusal is on record before it is answered; a repeat of the same kind from the same address is counted instead. */
  recorded(event: AccessEvent, who: AccessContext): Promise<void>;
}

/** What a request asks to be let in with. */
export interface AdmissionRequest {
  readonly principal: Principal;
  readonly rateClass: Exclude<RateClass, 'none'>;
  /** The endpoint as `VERB /v1/pattern`, for the usage by endpoint. */
  readonly route: string;
  /** False: the request will be refused anyway, or is free of quota, so that nothing may be reserved. */
  readonly reserves: boolean;
}

export interface RateDenial {
  /** `address`: too many failed attempts to prove who calls. */
  readonly scope: 'api_key' | 'tenant' | 'address';
  /** Milliseconds; null when no wait helps. */
  readonly retryAfterMs: number | null;
}

export interface QuotaState {
  readonly period: 'day' | 'month';
  readonly metric: 'requests' | 'tokens';
  readonly used: number;
  readonly limit: number;
}

/** The verdict on one request, made in one step: both rate buckets and the quota of the tenant. */
export interface Admitted {
  /** For every answer: rate limits as of this request. */
  readonly rateHeaders: Readonly<Record<string, string>>;
  /** For successes and for 402: the quota as of this request. */
  readonly quotaHeaders: Readonly<Record<string, string>>;
  readonly rateDenied?: RateDenial;
  readonly quotaDenied?: QuotaState;
  /** Over a limit that is only observed. */
  readonly overage?: QuotaState;
  /** True when the shared counters did not answer and this process counted alone. */
  readonly degraded: boolean;
  /** The request reached its handler: its units are used. */
  served(): void;
  /** The request was refused before its handler, or replayed: its quota units are given back. Once, and not after `served`. */
  giveBack(): void;
}

/** Rate limits and quotas. Throws CatalogueError `rateLimitUnavailable` when it may not let in what it cannot count. */
export interface Admission {
  admit(asked: AdmissionRequest): Admitted | Promise<Admitted>;
}

/** Whether the writes of all tenants are frozen, as far as this process knows; the log itself refuses them too. */
export interface WriteGate {
  frozen(): boolean;
}

/** What the plan of a tenant includes. */
export interface Entitlements {
  enabled(tenantId: string, feature: FeatureKey): boolean | Promise<boolean>;
}

/** Policies over what an endpoint itself is: the audit log, operations, administration. */
export interface Authorizing {
  /** Refuses with 403, on record before the answer. */
  authorize<P extends EndpointPair>(pair: P, caller: CallerContext, resource: ResourceOf<P>): void | Promise<void>;
}

/** The limits of a tenant; null is unlimited. */
export interface QuotaLimits {
  readonly dailyRequests: number | null;
  readonly monthlyRequests: number | null;
  readonly dailyTokens: number | null;
  readonly monthlyTokens: number | null;
  readonly softCapRatio: number;
  /** False: limits are observed only. */
  readonly hardCap: boolean;
}

/** What a tenant has used in one UTC day or month, as far as the log tells. */
export interface UsedByLog {
  readonly units: number;
  readonly tokens: number;
}

/** Quotas and usage as the admission needs them: limits and used amounts from memory, and where what was used is written down. */
export interface QuotaSource {
  limitsOf(tenantId: string): QuotaLimits;
  /** `start` is the first day of the period, `YYYY-MM-DD`. Never more than was used, so that a counter may be raised to it. */
  usedByLog(tenantId: string, period: 'day' | 'month', start: string): UsedByLog;
  /** One request reached its handler. Written to the log in the background, rolled up. `units` is 0 where no quota applies. */
  served(principal: Principal, rateClass: Exclude<RateClass, 'none'>, route: string, units: number): void;
  /** The soft cap of a period was passed, or the hard cap was met: remembered once a period. */
  capReached(cap: 'soft' | 'hard', tenantId: string, state: QuotaState & { readonly start: string }): void;
}
