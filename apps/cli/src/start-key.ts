import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { API_KEYS_STREAM_ID, apiKeys } from '#domain/capabilities/api-keys/api-keys.decider.js';
import { apiKeyRows, idleDays } from '#domain/capabilities/api-keys/api-keys.projection.js';
import { isActiveKey } from '#domain/capabilities/api-keys/key-state.decider.js';
import { keyHasherOf } from '#api/capabilities/api-keys/api-key-secret.adapter.js';
import { replaceFile } from '#infra/files/durable-file.js';
import type { Platform } from '#infra/platform/platform.js';
import { createKey } from './operations/keys.js';

const AAD = 'start-key';

/**
 * The admin key that `start` shows. It is made at the first start and kept sealed under the master key, so that later
 * starts show the same one; a revoked or lost one is replaced.
 */
export async function startKey(platform: Platform, folder: string, tenantId: string): Promise<string> {
  const path = join(folder, 'start-key.sealed');
  const sealed = await readFile(path, 'utf8').catch(() => undefined);
  const known =
    sealed === undefined ? undefined : await platform.sealer.open(tenantId, sealed, AAD).catch(() => undefined);
  if (known !== undefined && (await works(platform, tenantId, known))) return known;
  const made = await createKey(platform, { tenantId, role: 'admin', name: 'start' }, 'start');
  const subject = { tenantId, kind: 'start-key', id: 'admin' };
  await replaceFile(path, Buffer.from(await platform.sealer.seal(subject, made.api_key, AAD)));
  return made.api_key;
}

/** Whether the key's stream knows it and has not ended it, and it is not refused for its idleness. */
async function works(platform: Platform, tenantId: string, secret: string): Promise<boolean> {
  const { auth } = platform.config;
  const state = await platform.path.load(apiKeys, tenantId, API_KEYS_STREAM_ID);
  const hasher = keyHasherOf(auth);
  const hashes = [hasher.hash(secret), ...hasher.olderHashes(secret)];
  const [keyId, key] = Object.entries(state).find(([, { keyHash }]) => hashes.includes(keyHash)) ?? [];
  if (keyId === undefined || key === undefined || !isActiveKey(key, new Date().toISOString())) return false;
  if (!auth.AUTH_API_KEY_INACTIVE_ENFORCED) return true;
  const row = await platform.readModels.for(apiKeyRows).find(tenantId, keyId);
  return row === undefined || idleDays(row, Date.now()) < auth.AUTH_API_KEY_INACTIVE_DAYS;
}
