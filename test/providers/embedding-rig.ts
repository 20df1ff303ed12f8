import { Embedders } from '#infra/adapters/embedding/embedders.js';
import { loadConfig } from '#infra/config/config.js';
import { CircuitBreaker } from '#infra/shared-state/circuit-breaker.js';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { Outbound, type OutboundOptions } from '#infra/shared-state/outbound.js';
import { CatalogueError } from '#domain/kernel/errors.js';

/** Embedders as an environment configures them, with a breaker that opens at the second failure. */
export function embeddersOf(env: Record<string, string>, options: OutboundOptions = {}) {
  const breaker = new CircuitBreaker(new MemorySharedState(), { failures: 2, windowMs: 60_000, openMs: 60_000 });
  const outbound = new Outbound(breaker, { timeoutMs: 5_000, attempts: 1, pauseMs: 1, ...options });
  const config = loadConfig({ env, readFile: () => undefined, secretsFolder: '/nowhere' });
  return { embedders: new Embedders(config, outbound), breaker };
}

/** The code of the catalogue under which a call fails. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof CatalogueError) return error.row.code;
  throw new Error('the call did not fail with an error of the catalogue', { cause: error });
}
