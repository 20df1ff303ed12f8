import type { ApiKeyRow } from '#domain/capabilities/api-keys/api-keys.projection.js';
import type { SessionLookup } from '#domain/capabilities/api-keys/api-keys.ports.js';
import { authErrors } from '#domain/capabilities/api-keys/auth-errors.decider.js';
import {
  CredentialRefused,
  isRole,
  TooManyFailures,
  type AuthAttempt,
  type Authenticator,
  type CalledRoute,
  type Principal,
} from '#api/http/principal.js';
import { HotStateUnavailable, type HotState } from '#infra/hot-state/hot-state.js';
import type { AddressLimiter } from './address-limiter.adapter.js';
import { sha256Of, type KeyHasher } from './api-key-secret.adapter.js';
import type { KeyUses } from './api-key-use.adapter.js';
import { bypass } from './dev-bypass.adapter.js';
import { KeyJudge } from './key-judge.adapter.js';
import { outOfScope } from './key-scopes.adapter.js';
import { OperatorCredentials, type OperatorTokens } from './operator-token.adapter.js';

export interface AuthSettings extends OperatorTokens {
  readonly enabled: boolean;
  readonly devBypass: boolean;
  /** Lower case. */
  readonly header: string;
  readonly operatorTenantId: string;
  /** Days after which an unused key is not let in; undefined: never. */
  readonly inactiveDays: number | undefined;
}

export interface AuthDeps {
  readonly keys: HotState<ApiKeyRow>;
  readonly hasher: KeyHasher;
  readonly uses: KeyUses;
  readonly failures: AddressLimiter;
  readonly sessions: SessionLookup;
}

const SESSION_PREFIX = 'nrgss_';

/** Knows no session until the identity capability brings some. */
export const noSessions: SessionLookup = { find: () => Promise.resolve(undefined) };

/** Proves callers by their API key, against keys held in memory and kept fresh by subscription. */
export class ApiKeyAuthenticator implements Authenticator {
  private readonly operators: OperatorCredentials;
  private readonly judge: KeyJudge;

  constructor(
    private readonly deps: AuthDeps,
    private readonly settings: AuthSettings,
  ) {
    this.operators = new OperatorCredentials(settings);
    this.judge = new KeyJudge(settings);
  }

  /** At once for a key that is in memory and works; every other way ends in a promise. */
  authenticate(attempt: AuthAttempt): Principal | Promise<Principal> {
    try {
      return this.prove(attempt);
    } catch (error) {
      return this.failed(attempt, error);
    }
  }

  outOfScope({ scopes }: Principal, route: CalledRoute, ip: string): 'network' | 'route' | undefined {
    return scopes === undefined ? undefined : outOfScope(scopes, route, ip);
  }

  used({ authMethod, tenantId, apiKeyId }: Principal): void {
    const row = authMethod === 'api_key' ? this.deps.keys.get(tenantId, apiKeyId) : undefined;
    if (row !== undefined) this.deps.uses.note(row);
  }

  private prove(attempt: AuthAttempt): Principal | Promise<Principal> {
    const token = this.tokenOf(attempt);
    const hash = token !== undefined && this.settings.enabled ? this.deps.hasher.hash(token) : undefined;
    // Most calls come with a key that is known, which is no operator's token.
    const known = hash === undefined ? undefined : this.known(hash);
    return known === undefined ? this.others(token, hash, attempt) : this.judge.principalOf(known);
  }

  private others(
    token: string | undefined,
    hash: string | undefined,
    attempt: AuthAttempt,
  ): Principal | Promise<Principal> {
    const { devBypass, operatorTenantId } = this.settings;
    const operator = token === undefined ? undefined : this.operators.principalOf(token, attempt, operatorTenantId);
    if (operator !== undefined) return operator;
    if (devBypass && hash === undefined) return bypass(attempt, operatorTenantId);
    if (token === undefined || hash === undefined) throw new CredentialRefused(authErrors.unauthorized);
    return token.startsWith(SESSION_PREFIX) ? this.session(token, attempt) : this.missed(token, hash, attempt);
  }

  /** The key of a hash, while memory may say so. */
  private known(hash: string): ApiKeyRow | undefined {
    const [row] = this.deps.keys.findBy('key_hash', hash);
    return row !== undefined && this.deps.keys.isFresh(row.tenant_id, row.id) ? row : undefined;
  }

  /** The key is not in memory under its hash, or memory is too old to say. */
  private async missed(token: string, hash: string, attempt: AuthAttempt): Promise<Principal> {
    const { keys, hasher, uses, failures } = this.deps;
    for (const older of hasher.olderHashes(token)) {
      const [row] = keys.findBy('key_hash', older);
      if (row === undefined || !keys.isFresh(row.tenant_id, row.id)) continue;
      const principal = await this.judged(row, attempt);
      uses.rehash(row, hash);
      return principal;
    }
    const known = keys.findBy('key_hash', hash).length > 0;
    const waitMs = known ? undefined : await failures.fail(attempt.ip);
    // Whoever guesses keys reaches no database by it.
    if (waitMs !== undefined) throw new TooManyFailures(waitMs);
    const row = await this.checked([hash, ...hasher.olderHashes(token)]);
    if (row === undefined) throw new CredentialRefused(authErrors.unauthorized);
    if (row.key_hash !== hash) uses.rehash(row, hash);
    return this.judged(row, known ? attempt : undefined);
  }

  private async checked(hashes: readonly string[]): Promise<ApiKeyRow | undefined> {
    try {
      for (const hash of hashes) {
        const [row] = await this.deps.keys.findByOrCheck('key_hash', hash);
        if (row !== undefined) return row;
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof HotStateUnavailable)) throw error;
      throw new CredentialRefused(authErrors.unavailable, { unavailable: true }, { cause: error });
    }
  }

  /** Without an attempt its failure has been counted already. */
  private judged(row: ApiKeyRow, attempt: AuthAttempt | undefined): Principal | Promise<Principal> {
    try {
      return this.judge.principalOf(row);
    } catch (error) {
      if (attempt === undefined) throw error;
      return this.failed(attempt, error);
    }
  }

  /** Counts the failure by its address, and answers with it, or that there were too many. */
  private async failed(attempt: AuthAttempt, error: unknown): Promise<never> {
    const waitMs = error instanceof CredentialRefused ? await this.deps.failures.fail(attempt.ip) : undefined;
    throw waitMs === undefined ? error : new TooManyFailures(waitMs);
  }

  private async session(token: string, attempt: AuthAttempt): Promise<Principal> {
    const found = await this.deps.sessions.find(sha256Of(token));
    if (found === undefined) return this.failed(attempt, new CredentialRefused(authErrors.unauthorized));
    const { sessionId, tenantId, userId, role, userActive } = found;
    if (!userActive || !isRole(role)) {
      const actor = { type: 'sso_session', id: sessionId, role } as const;
      return this.failed(attempt, new CredentialRefused(authErrors.forbidden, { who: { tenantId, actor } }));
    }
    const platformOperator = role === 'admin' && tenantId === this.settings.operatorTenantId;
    return {
      subjectId: userId,
      tenantId,
      role,
      apiKeyId: sessionId,
      authMethod: 'sso_session',
      groups: [],
      platformOperator,
    };
  }

  private tokenOf(attempt: AuthAttempt): string | undefined {
    const header = attempt.headers[this.settings.header];
    if (header === undefined) return undefined;
    const parts = String(header).trim().split(/\s+/);
    if (parts.length !== 2 || parts[0]?.toLowerCase() !== 'bearer' || parts[1] === undefined) {
      throw new CredentialRefused(authErrors.unauthorized);
    }
    return parts[1];
  }
}
