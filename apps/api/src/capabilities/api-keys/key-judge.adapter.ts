import { idleDays, type ApiKeyRow } from '#domain/capabilities/api-keys/api-keys.projection.js';
import { authErrors } from '#domain/capabilities/api-keys/auth-errors.decider.js';
import type { ErrorRow } from '#domain/kernel/errors.js';
import {
  CredentialRefused,
  isRole,
  type KeyScopes,
  type Principal,
  type RefusedCredential,
} from '#api/http/principal.js';

export interface JudgeSettings {
  readonly operatorTenantId: string;
  /** Days after which an unused key is not let in; undefined: never. */
  readonly inactiveDays: number | undefined;
}

/** Decides whether a known key is let in now. */
export class KeyJudge {
  private readonly principals = new WeakMap<ApiKeyRow, Principal>();

  constructor(private readonly settings: JudgeSettings) {}

  /** Throws CredentialRefused; the order of the checks is the contract's. */
  principalOf(row: ApiKeyRow): Principal {
    const now = Date.now();
    const { inactiveDays } = this.settings;
    if (row.revoked_at !== null) throw refused(row, authErrors.revokedKey);
    if (row.disabled_at !== null) throw refused(row, authErrors.disabledKey);
    if (row.expires_at !== null && Date.parse(row.expires_at) <= now)
      throw refused(row, authErrors.expiredKey, { expired: true });
    if (inactiveDays !== undefined && idleDays(row, now) >= inactiveDays)
      throw refused(row, authErrors.inactiveKey, { inactiveDaysThreshold: inactiveDays });
    const principal = this.principals.get(row) ?? this.made(row);
    this.principals.set(row, principal);
    return principal;
  }

  private made(row: ApiKeyRow): Principal {
    const { role } = row;
    if (!isRole(role)) throw refused(row, authErrors.forbidden);
    return {
      subjectId: row.user_id,
      tenantId: row.tenant_id,
      role,
      apiKeyId: row.id,
      authMethod: 'api_key',
      groups: [],
      platformOperator: role === 'admin' && row.tenant_id === this.settings.operatorTenantId,
      ...(row.scopes === null ? {} : { scopes: row.scopes as KeyScopes }),
    };
  }
}

function refused(row: ApiKeyRow, error: ErrorRow, more: Omit<RefusedCredential, 'who'> = {}): CredentialRefused {
  const who = { tenantId: row.tenant_id, actor: { type: 'api_key', id: row.id, role: row.role } } as const;
  return new CredentialRefused(error, { who, ...more });
}
