import type { IncomingHttpHeaders } from 'node:http';

import type { EndpointPolicy } from './policy.js';

/** Roles by rank; each may do all that the ones before it may. */
export const roles = ['reader', 'editor', 'admin'] as const;
export type Role = (typeof roles)[number];

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

/** Turns a credential into a principal; implemented by a capability. */
export interface Authenticator {
  /** Throws a CatalogueError (401, 403, 400 or 503) for what it does not accept. Answers at once when it can: every request waits for it. */
  authenticate(attempt: AuthAttempt): Principal | Promise<Principal>;
  /** Whether the key's scopes allow this endpoint from this address; the reason when they do not. */
  outOfScope?(principal: Principal, policy: EndpointPolicy, ip: string): 'network' | 'route' | undefined;
  /** Told of the first use of the principal by each request that was let in. */
  used?(principal: Principal): void;
}
