import type { IncomingHttpHeaders } from 'node:http';

import { CatalogueError } from '#domain/kernel/errors.js';
import type { ErrorRow } from '#domain/kernel/errors.js';
import type { Actor } from '#domain/kernel/events.js';

import { httpErrors } from './errors.js';
import type { EndpointPolicy } from './policy.js';

/** Roles by rank; each may do all that the ones before it may. */
export const roles = ['reader', 'editor', 'admin'] as const;
export type Role = (typeof roles)[number];

export function isRole(role: string): role is Role {
  return (roles as readonly string[]).includes(role);
}

export function mayActAs(role: Role, required: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(required);
}

/** What a key may be used for beyond its role; an absent list allows all. */
export interface KeyScopes {
  /** Ids of the corpora that it may read or change. */
  readonly corpora?: readonly string[];
  /** Addresses or networks (CIDR) that it may be used from. */
  readonly networks?: readonly string[];
  /** Routes that it may call, as `VERB /path` patterns of the endpoint table or a rate class such as `run`. */
  readonly routes?: readonly string[];
}

/** Who calls, as proved by a credential. */
export interface Principal {
  readonly subjectId: string;
  readonly tenantId: string;
  readonly role: Role;
  /** The id of the key or of the session: the actor of events, limits and idempotency. */
  readonly apiKeyId: string;
  readonly authMethod: 'api_key' | 'sso_session' | 'dev_bypass' | 'operator';
  readonly scopes?: KeyScopes;
  /** The groups that an identity provider put the person into; an API key has none. */
  readonly groups: readonly string[];
  /** True for an admin of the operator tenant, and for the operator of the machine: may change what concerns all tenants. */
  readonly platformOperator: boolean;
}

/** What an authenticator may look at. */
export interface AuthAttempt {
  readonly headers: IncomingHttpHeaders;
  readonly ip: string;
  readonly method: string;
  readonly path: string;
  readonly requestId: string;
  readonly userAgent: string | null;
}

/** The endpoint that a request reached, as its table names it. */
export interface CalledRoute extends Pick<EndpointPolicy, 'verb' | 'rate'> {
  /** The route pattern, e.g. `/v1/corpora/:corpusId`. */
  readonly url: string;
}

/** What is on record of a credential that was not accepted. */
export interface RefusedCredential {
  /** Whose it is, where that is known. */
  readonly who?: { readonly tenantId: string; readonly actor: Actor };
  /** Its time was over. */
  readonly expired?: boolean;
  /** It was idle for these days or more. */
  readonly inactiveDaysThreshold?: number;
  /** It could not be checked at all. */
  readonly unavailable?: boolean;
}

/** A credential was not accepted: what to answer, and what to remember. */
export class CredentialRefused extends CatalogueError {
  constructor(
    row: ErrorRow,
    readonly refused: RefusedCredential = {},
    options?: ErrorOptions,
  ) {
    super(row, undefined, options);
  }
}

/** An address has failed to prove who it is too often: 429 until it has waited. */
export class TooManyFailures extends CatalogueError {
  constructor(readonly retryAfterMs: number) {
    super(httpErrors.rateLimited, { scope: 'address', retry_after_ms: retryAfterMs });
  }
}

/** Turns a credential into a principal; implemented by a capability. */
export interface Authenticator {
  /** Throws CredentialRefused (401, 403, 400 or 503) or TooManyFailures. Answers at once when it can: every request waits for it. */
  authenticate(attempt: AuthAttempt): Principal | Promise<Principal>;
  /** Whether the key's scopes allow this endpoint from this address; the reason when they do not. */
  outOfScope?(principal: Principal, route: CalledRoute, ip: string): 'network' | 'route' | undefined;
  /** Told of the first use of the principal by each request that was let in. */
  used?(principal: Principal): void;
}
