import { randomBytes, randomUUID } from 'node:crypto';
import { API_KEYS_STREAM_ID, apiKeys, type CreateApiKey } from '#domain/capabilities/api-keys/api-keys.decider.js';
import { addMillis } from '#domain/kernel/time.js';
import { KeyHasher } from '#api/capabilities/api-keys/api-key-secret.adapter.js';
import { systemFacts } from '#cli/operations/keys.js';
import type { Platform } from '#infra/platform/platform.js';
import { TestClient } from './client.js';
import { shownKey } from './server.js';

/** A key as the endpoints show it. */
export interface KeyItem {
  readonly key_id: string;
  readonly key_prefix: string;
  readonly name: string | null;
  readonly role: string;
  readonly created_at: string;
  readonly last_used_at: string | null;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly disabled_at: string | null;
  readonly is_active: boolean;
  readonly is_expired: boolean;
  readonly inactive_days: number;
  readonly scopes: object | null;
  readonly api_key: string;
}

const DAY_MS = 86_400_000;

/** Makes a key as if it had been made so many days ago, and never used since. */
export async function keyOfDaysAgo(
  platform: Platform,
  tenantId: string,
  days: number,
  over: Partial<CreateApiKey['data']> = {},
): Promise<{ readonly keyId: string; readonly secret: string }> {
  const { secret, stored } = new KeyHasher().mint();
  const data = { ...stored, name: null, role: 'reader', userId: randomUUID(), expiresAt: null, ...over } as const;
  const facts = systemFacts(tenantId, 'test');
  const then = { ...facts, now: addMillis(facts.now, -days * DAY_MS) };
  await platform.path.run(apiKeys, API_KEYS_STREAM_ID, { type: 'CreateApiKey', data }, then);
  await shownKey(platform, tenantId, stored.keyId);
  return { keyId: stored.keyId, secret };
}

/** An address of its own, from which no other test fails. */
export function anAddress(): string {
  return `10.${[...randomBytes(3)].join('.')}`;
}

/** What a key is answered: 200, or the code of the refusal. */
export async function outcomeOf(url: string, key: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await new TestClient(url, key).get('/v1/corpora', headers);
  return answer.code ?? String(answer.status);
}
