import type { IncomingHttpHeaders } from 'node:http';

/** Roles by rank; each may do all that the ones before it may. */
export const roles = ['reader', 'editor', 'admin'] as const;
export type Role = (typeof roles)[number];

export function mayActAs(role: Role, required: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(required);
}

/** Who calls, as proved by a credential. */
export interface Principal {
  readonly subjectId: string;
  readonly tenantId: string;
  readonly role: Role;
  /** The id of the key or of the session: the actor of events, limits and idempotency. */
  readonly apiKeyId: string;
  readonly authMethod: 'api_key' | 'sso_session' | 'dev_bypass' | 'operator';
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
  /** Told of each call whose role was too low. */
  denied?(principal: Principal, attempt: AuthAttempt, required: Role): void;
}
