import { authzPolicies, POLICY_STREAM_ID } from '#domain/capabilities/authorization/authorization.decider.js';
import { API_KEYS_STREAM_ID, apiKeys, type ApiKeyCommand } from '#domain/capabilities/api-keys/api-keys.decider.js';
import { roles, type Role } from '#domain/capabilities/api-keys/api-keys.events.js';
import { apiKeyRows, idleDays, type ApiKeyRow } from '#domain/capabilities/api-keys/api-keys.projection.js';
import type { PlanId } from '#domain/capabilities/plans/catalogue.decider.js';
import { PLAN_STREAM_ID, plans } from '#domain/capabilities/plans/plans.decider.js';
import { tenants } from '#domain/capabilities/tenants/tenants.decider.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import { addMillis } from '#domain/kernel/time.js';
import type { Decider, DomainCommand, Facts } from '#domain/kernel/decider.js';
import type { DomainEvent } from '#domain/kernel/events.js';
import { keyHasherOf } from '#api/capabilities/api-keys/api-key-secret.adapter.js';
import { newId } from '#infra/commands/ids.js';
import { personalAad } from '#infra/crypto/personal.js';
import type { Platform } from '#infra/platform/platform.js';
import { flag, numberArg, optionalText, textArg, UsageError, type Operation } from './operation.js';

const DAY_MS = 86_400_000;

export function systemFacts(tenantId: string, actorId: string): Facts {
  return {
    tenantId,
    actor: { type: 'system', id: actorId, role: null },
    now: new Date().toISOString(),
    commandId: newId(),
    newId: newId(),
    requestId: null,
  };
}

async function runAsSystem<C extends DomainCommand, E extends DomainEvent, S>(
  platform: Platform,
  decider: Decider<C, E, S>,
  tenantId: string,
  streamId: string,
  command: C,
  actorId: string,
) {
  return platform.path.run(decider, streamId, command, systemFacts(tenantId, actorId));
}

/** Registers a tenant; nothing happens when it is known. */
export async function registerTenant(platform: Platform, tenantId: string, name: string): Promise<void> {
  const command = { type: 'RegisterTenant', data: { tenantId, name } } as const;
  await runAsSystem(platform, tenants, tenantId, tenantId, command, 'operator');
  await seedPolicies(platform, tenantId);
}

/** Gives a tenant, or with `_system` all of them, the policies that it begins with; nothing happens when it had them before. */
export async function seedPolicies(platform: Platform, tenantId: string): Promise<void> {
  const of = tenantId === SYSTEM_TENANT ? 'platform' : 'tenant';
  const command = { type: 'SeedPolicies', data: { of } } as const;
  await runAsSystem(platform, authzPolicies, tenantId, POLICY_STREAM_ID, command, 'operator');
}

/** Gives a tenant its first plan; nothing happens when it has one. */
export async function firstPlan(platform: Platform, tenantId: string, planId: PlanId): Promise<void> {
  const { assigned } = await platform.path.load(plans, tenantId, PLAN_STREAM_ID);
  if (assigned !== null) return;
  await runAsSystem(platform, plans, tenantId, PLAN_STREAM_ID, { type: 'AssignPlan', data: { planId } }, 'operator');
}

function runOnKeys(platform: Platform, tenantId: string, command: ApiKeyCommand, actorId: string) {
  return runAsSystem(platform, apiKeys, tenantId, API_KEYS_STREAM_ID, command, actorId);
}

export interface NewApiKey {
  readonly tenantId: string;
  readonly role: Role;
  readonly name: string | null;
  readonly userId?: string | undefined;
  readonly email?: string | undefined;
  readonly expiresAt?: string | null;
}

/** Creates a key and gives its secret, which is kept nowhere. */
export async function createKey(platform: Platform, key: NewApiKey, actorId = 'create_api_key') {
  await registerTenant(platform, key.tenantId, key.tenantId);
  const { secret, stored } = keyHasherOf(platform.config.auth).mint();
  const { name, role, userId = newId(), email, expiresAt = null } = key;
  const data = { ...stored, name, role, userId, expiresAt, ...(email === undefined ? {} : { email }) };
  await runOnKeys(platform, key.tenantId, { type: 'CreateApiKey', data }, actorId);
  return {
    key_id: stored.keyId,
    key_prefix: stored.keyPrefix,
    user_id: userId,
    expires_at: expiresAt,
    api_key: secret,
  };
}

function roleArg(text: string): Role {
  const role = roles.find((known) => known === text);
  if (role === undefined) throw new UsageError(`role must be one of ${roles.join(', ')}`);
  return role;
}

export const keysCreate: Operation = async function* ({ platform, settled }, args) {
  const days = args['expires_in_days'] === undefined ? undefined : numberArg(args, 'expires_in_days', 0);
  const made = await createKey(platform, {
    tenantId: textArg(args, 'tenant'),
    role: roleArg(textArg(args, 'role')),
    name: optionalText(args, 'name') ?? null,
    userId: optionalText(args, 'user_id'),
    email: optionalText(args, 'email'),
    expiresAt: days === undefined ? null : addMillis(new Date().toISOString(), days * DAY_MS),
  });
  await settled();
  yield made;
};

export const keysList: Operation = async function* ({ platform }, args) {
  const tenantId = textArg(args, 'tenant');
  const days = numberArg(args, 'inactive_days', 90);
  const onlyInactive = flag(args, 'inactive_only');
  const model = platform.readModels.for(apiKeyRows);
  const now = Date.now();
  let cursor: string | undefined;
  do {
    const page = await model.page(tenantId, { orderBy: [['created_at', 'desc']], limit: 200, cursor });
    for (const row of page.rows) {
      const isExpired = row.expires_at !== null && Date.parse(row.expires_at) <= now;
      const inactiveDays = idleDays(row, now);
      if (onlyInactive && inactiveDays < days && !isExpired) continue;
      yield { ...(await shown(platform, row)), is_expired: isExpired, inactive_days: inactiveDays };
    }
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
};

async function shown({ sealer }: Platform, row: ApiKeyRow) {
  const stream = `apiKeys-${row.tenant_id}.${API_KEYS_STREAM_ID}`;
  const email =
    row.email === null ? undefined : await sealer.open(row.tenant_id, row.email, personalAad(stream, 'email'));
  return {
    key_id: row.id,
    key_prefix: row.key_prefix,
    name: row.name,
    role: row.role,
    user_id: row.user_id,
    email: email ?? null,
    created_at: row.created_at,
    last_used_at: row.last_used_at,
    expires_at: row.expires_at,
    revoked_at: row.revoked_at,
    is_active: row.revoked_at === null && row.disabled_at === null,
  };
}

/** The tenant of a key; keys are looked up over all tenants because operators know only the key's id. */
async function tenantOf(platform: Platform, keyId: string): Promise<string> {
  const { rows } = await platform.readModels
    .for(apiKeyRows)
    .acrossTenants()
    .page({ where: { id: keyId }, limit: 1 });
  const [row] = rows;
  if (row === undefined) throw new UsageError(`there is no API key ${keyId}`);
  return row.tenant_id;
}

export const keysRevoke: Operation = async function* ({ platform, settled }, args) {
  const keyId = textArg(args, 'key_id');
  const tenantId = await tenantOf(platform, keyId);
  const { events } = await runOnKeys(
    platform,
    tenantId,
    { type: 'RevokeApiKey', data: { keyId, evenLastAdmin: true } },
    'revoke_api_key',
  );
  await settled();
  yield { key_id: keyId, tenant: tenantId, revoked: true, already: events.length === 0 };
};

export const keysRotate: Operation = async function* ({ platform, settled }, args) {
  const oldKeyId = textArg(args, 'key_id');
  const tenantId = await tenantOf(platform, oldKeyId);
  const { secret, stored } = keyHasherOf(platform.config.auth).mint();
  const name = optionalText(args, 'name');
  const keepOldActive = flag(args, 'keep_old_active');
  const data = { oldKeyId, newKey: stored, keepOldActive, ...(name === undefined ? {} : { name }) };
  await runOnKeys(platform, tenantId, { type: 'RotateApiKey', data }, 'rotate_api_key');
  await settled();
  yield {
    key_id: stored.keyId,
    key_prefix: stored.keyPrefix,
    replaced_key_id: oldKeyId,
    old_kept_active: keepOldActive,
    api_key: secret,
  };
};
