import { CatalogueError, type ErrorRow } from '#domain/kernel/errors.js';
import { outboundErrors, type Outbound, type OutboundOptions } from '#infra/shared-state/outbound.js';
import { retryAfterMs } from '#infra/shared-state/retry-after.js';

/**
 * What a failure says: `auth` and `refused` are about this request, `limited` about its caller, and only `ill` about the
 * service.
 */
export interface Failure {
  readonly kind: 'auth' | 'refused' | 'limited' | 'ill';
  readonly retryAfterMs?: number | undefined;
}

export interface ServiceCall {
  readonly tenantId: string;
  readonly integration: string;
  readonly signal?: AbortSignal | undefined;
  readonly options?: OutboundOptions;
  readonly classify: (error: unknown) => Failure;
  /** What callers are told. */
  readonly errors: { readonly auth: ErrorRow; readonly failed: ErrorRow };
}

/**
 * Calls a service the one way out. Repeats only what may pass by itself: timeouts, connections, 5xx, and 429 with a
 * Retry-After. Throws the caller's abort reason or a CatalogueError.
 */
export async function callService<T>(
  outbound: Outbound,
  { tenantId, integration, signal, options, classify, errors }: ServiceCall,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const failureOf = (error: unknown): Failure => (isTimeout(error) ? { kind: 'ill' } : classify(error));
  const repeats = ({ kind, retryAfterMs }: Failure): boolean =>
    kind === 'ill' || (kind === 'limited' && retryAfterMs !== undefined);
  const call = {
    ...{ tenantId, integration },
    ...(signal === undefined ? {} : { signal }),
    ...(options === undefined ? {} : { options }),
    retryable: (error: unknown) => repeats(failureOf(error)),
    counts: (error: unknown) => failureOf(error).kind === 'ill',
    retryAfterMs: (error: unknown) => failureOf(error).retryAfterMs,
  };
  try {
    return await outbound.call(call, work);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof CatalogueError && !isTimeout(error)) throw error;
    const row = failureOf(error).kind === 'auth' ? errors.auth : errors.failed;
    throw new CatalogueError(row, undefined, { cause: error });
  }
}

/** By the status of an answer; undefined: none came, or none that could be read. */
export function failureOfStatus(status: number | undefined, retryAfter?: string | null): Failure {
  if (status === 401 || status === 403) return { kind: 'auth' };
  if (status === 429) return { kind: 'limited', retryAfterMs: retryAfterMs(retryAfter) };
  const asksForTime = status === 503 ? retryAfterMs(retryAfter) : undefined;
  if (status === undefined || status >= 500 || status < 400) return { kind: 'ill', retryAfterMs: asksForTime };
  return { kind: 'refused' };
}

function isTimeout(error: unknown): boolean {
  return error instanceof CatalogueError && error.row === outboundErrors.timedOut;
}
