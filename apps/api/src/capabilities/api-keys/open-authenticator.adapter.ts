import type { ApiKeyRow } from '#domain/capabilities/api-keys/api-keys.projection.js';
import type { Authenticator } from '#api/http/principal.js';
import type { HotState } from '#infra/hot-state/hot-state.js';
import type { Platform } from '#infra/platform/platform.js';
import { AddressLimiter } from './address-limiter.adapter.js';
import { keyHasherOf } from './api-key-secret.adapter.js';
import { KeyUses } from './api-key-use.adapter.js';
import { ApiKeyAuthenticator, noSessions } from './api-keys.adapter.js';

/** The authenticator of an api process, and how to end it: what it writes in the background is written by then. */
export function openAuthenticator(
  { config: { auth }, path, shared, options: { onProblem } }: Platform,
  keys: HotState<ApiKeyRow>,
  operatorToken: string,
): { readonly authenticator: Authenticator; stop(): Promise<void> } {
  const uses = new KeyUses({ path, onError: (error) => onProblem(error, 'the use of an API key') });
  const limit = { ratePerSecond: auth.AUTH_FAILURE_RPS, burst: auth.AUTH_FAILURE_BURST };
  const failures = new AddressLimiter(shared, limit);
  const authenticator = new ApiKeyAuthenticator(
    { keys, hasher: keyHasherOf(auth), uses, failures, sessions: noSessions },
    {
      enabled: auth.AUTH_ENABLED,
      devBypass: auth.AUTH_DEV_BYPASS,
      header: auth.AUTH_API_KEY_HEADER.toLowerCase(),
      operatorToken,
      adminToken: auth.ADMIN_TOKEN?.reveal(),
      operatorTenantId: auth.OPERATOR_TENANT_ID,
      inactiveDays: auth.AUTH_API_KEY_INACTIVE_ENFORCED ? auth.AUTH_API_KEY_INACTIVE_DAYS : undefined,
    },
  );
  return { authenticator, stop: () => uses.stop() };
}
