import { Embedders } from '#infra/adapters/embedding/embedders.js';
import { loadConfig } from '#infra/config/config.js';
import { CircuitBreaker } from '#infra/shared-state/circuit-breaker.js';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { Outbound, type OutboundOptions } from '#infra/shared-state/outbound.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Manner } from '#test/support/wire-server.js';

/** The way out as an environment configures it, with one attempt and a breaker that opens at the second failure. */
export function wayOut(env: Record<string, string>, options: OutboundOptions = {}) {
  const breaker = new CircuitBreaker(new MemorySharedState(), { failures: 2, windowMs: 60_000, openMs: 60_000 });
  const outbound = new Outbound(breaker, { timeoutMs: 5_000, attempts: 1, pauseMs: 1, ...options });
  const config = loadConfig({ env, readFile: () => undefined, secretsFolder: '/nowhere' });
  return { config, outbound, breaker };
}

/** Embedders as an environment configures them. */
export function embeddersOf(env: Record<string, string>, options: OutboundOptions = {}) {
  const { config, outbound, breaker } = wayOut(env, options);
  return { embedders: new Embedders(config, outbound), breaker };
}

/** How a speech service fails, the code of each failure, and where it leaves the breaker after the second one. */
export function speechFailures({
  auth,
  failed,
  refused,
}: Readonly<Record<'auth' | 'failed' | 'refused', string>>): [Manner, string, 'closed' | 'open'][] {
  return [
    [401, auth, 'closed'],
    [403, auth, 'closed'],
    [404, failed, 'closed'],
    [400, refused, 'closed'],
    [{ status: 429, headers: { 'retry-after': '7' } }, failed, 'closed'],
    [500, failed, 'open'],
    [503, failed, 'open'],
    ['drop', failed, 'open'],
    ['drop-mid-stream', failed, 'open'],
    ['garbage', failed, 'open'],
    ['garbage-body', failed, 'open'],
    ['slow-headers', 'INTEGRATION_TIMEOUT', 'open'],
    ['hang', 'INTEGRATION_TIMEOUT', 'open'],
    ['slow-tokens', 'INTEGRATION_TIMEOUT', 'open'],
  ];
}

/** Milliseconds, as a setting: short only where a call is to end by it, since a busy machine is slow with any other, too. */
export const deadlineOf = (code: string): string => (code === 'INTEGRATION_TIMEOUT' ? '1500' : '60000');

/** The code of the catalogue under which a call fails. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof CatalogueError) return error.row.code;
  throw new Error('the call did not fail with an error of the catalogue', { cause: error });
}
