import { defineDecider } from '../../kernel/decider.js';
import { millisBetween } from '../../kernel/time.js';
import type { ApiKeyEvent } from './api-keys.events.js';

/** A use is remembered once in this time, for last_used_at. */
export const USE_REMEMBERED_MS = 5 * 60_000;

export interface RecordApiKeyUse {
  readonly type: 'RecordApiKeyUse';
  /** `lastUsedAt` is what the caller knows; another process may know better by now. */
  readonly data: { readonly keyId: string; readonly lastUsedAt: string | null };
}

type Used = Extract<ApiKeyEvent, { readonly type: 'ApiKeyUsed' }>;

/** The stream of one key's uses on one day, so that it never grows long. */
export function useStreamId(keyId: string, now: string): string {
  return `${keyId}.${now.slice(0, 10)}`;
}

export const apiKeyUse = defineDecider<RecordApiKeyUse, Used, null>({
  category: 'apiKeyUse',
  initial: null,
  decide: ({ data: { keyId, lastUsedAt } }, _, { now }) => {
    const known = lastUsedAt !== null && millisBetween(lastUsedAt, now) < USE_REMEMBERED_MS;
    return known ? [] : [{ type: 'ApiKeyUsed', data: { keyId } }];
  },
  evolve: (state) => state,
});
