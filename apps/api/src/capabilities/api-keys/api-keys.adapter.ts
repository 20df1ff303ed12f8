import { timingSafeEqual } from 'node:crypto';
import type { apiKeyRows } from '#domain/capabilities/api-keys/api-keys.projection.js';
import { authErrors } from '#domain/capabilities/api-keys/auth-errors.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { RowOf } from '#domain/kernel/projection.js';
import { isTenantId } from '#domain/kernel/streams.js';
import { roles, type AuthAttempt, type Authenticator, type Principal, type Role } from '#api/http/principal.js';
import { HotStateUnavailable, type HotState } from '#infra/hot-state/hot-state.js';
import { hashOfKey } from './api-key-secret.adapter.js';

type KeyRow = RowOf<typeof apiKeyRows.columns>;

export interface AuthSettings {
  readonly enabled: boolean;
  readonly devBypass: boolean;
  /** Lower case. */
  readonly header: string;
  /** Accepted as an admin of the tenant in `X-Tenant-Id`; of this process's operator, from its run file. */
  readonly operatorToken: string | undefined;
  readonly operatorTenantId: string;
}

/** Proves callers by their API key, against keys held in memory and kept fresh by subscription. */
export class ApiKeyAuthenticator implements Authenticator {
  private readonly operatorToken: Buffer | undefined;

  constructor(
    private readonly keys: HotState<KeyRow>,
    private readonly settings: AuthSettings,
  ) {
    this.operatorToken = settings.operatorToken === undefined ? undefined : Buffer.from(settings.operatorToken);
  }

  authenticate(attempt: AuthAttempt): Principal | Promise<Principal> {
    const token = this.tokenOf(attempt);
    if (token !== undefined && this.isOperator(token)) return this.operator(attempt);
    if (!this.settings.enabled && !this.settings.devBypass) throw new CatalogueError(authErrors.unauthorized);
    if (this.settings.devBypass && (token === undefined || !this.settings.enabled))
      return bypass(attempt, this.settings.operatorTenantId);
    if (token === undefined) throw new CatalogueError(authErrors.unauthorized);
    return this.byKey(token);
  }

  private async byKey(token: string): Promise<Principal> {
    try {
      const [row] = await this.keys.findByOrCheck('key_hash', hashOfKey(token));
      return principalOf(row, this.settings.operatorTenantId);
    } catch (error) {
      if (error instanceof HotStateUnavailable) {
        throw new CatalogueError(authErrors.unavailable, undefined, { cause: error });
      }
      throw error;
    }
  }

  private tokenOf(attempt: AuthAttempt): string | undefined {
    const header = attempt.headers[this.settings.header];
    if (header === undefined) return undefined;
    const parts = String(header).trim().split(/\s+/);
    if (parts.length !== 2 || parts[0]?.toLowerCase() !== 'bearer' || parts[1] === undefined) {
      throw new CatalogueError(authErrors.unauthorized);
    }
    return parts[1];
  }

  private isOperator(token: string): boolean {
    const given = Buffer.from(token);
    return this.operatorToken?.length === given.length && timingSafeEqual(this.operatorToken, given);
  }

  private operator(attempt: AuthAttempt): Principal {
    const tenantId = attempt.headers['x-tenant-id'] ?? this.settings.operatorTenantId;
    if (typeof tenantId !== 'string' || !isTenantId(tenantId)) throw new CatalogueError(authErrors.unauthorized);
    return {
      subjectId: 'operator',
      tenantId,
      role: 'admin',
      apiKeyId: 'operator',
      authMethod: 'operator',
      platformOperator: true,
    };
  }
}

function principalOf(row: KeyRow | undefined, operatorTenantId: string): Principal {
  if (row === undefined) throw new CatalogueError(authErrors.unauthorized);
  if (row.revoked_at !== null) throw new CatalogueError(authErrors.revokedKey);
  if (row.expires_at !== null && Date.parse(row.expires_at) <= Date.now())
    throw new CatalogueError(authErrors.expiredKey);
  if (!isRole(row.role)) throw new CatalogueError(authErrors.forbidden);
  return {
    subjectId: row.user_id,
    tenantId: row.tenant_id,
    role: row.role,
    apiKeyId: row.id,
    authMethod: 'api_key',
    platformOperator: row.role === 'admin' && row.tenant_id === operatorTenantId,
  };
}

function isRole(role: string): role is Role {
  return (roles as readonly string[]).includes(role);
}

/** For development only: the caller names its tenant and role. */
function bypass(attempt: AuthAttempt, operatorTenantId: string): Principal {
  const tenantId = attempt.headers['x-tenant-id'];
  if (typeof tenantId !== 'string' || !isTenantId(tenantId)) throw new CatalogueError(authErrors.unauthorized);
  const asked = attempt.headers['x-role'];
  const role = typeof asked === 'string' ? asked.toLowerCase() : 'admin';
  if (!isRole(role)) throw new CatalogueError(authErrors.invalidRole);
  return {
    subjectId: `dev-${tenantId}`,
    tenantId,
    role,
    apiKeyId: 'dev-bypass',
    authMethod: 'dev_bypass',
    platformOperator: role === 'admin' && tenantId === operatorTenantId,
  };
}
