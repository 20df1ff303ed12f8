import { CatalogueError, defineErrors, type ErrorRow } from '#domain/kernel/errors.js';
import { outboundErrors } from '#infra/shared-state/outbound.js';
import type { ReasonCode } from './answerer.js';

export const llmErrors = defineErrors('llm', {
  unconfigured: ['unavailable', 'VERTEX_CONFIG_MISSING', 'No model is configured'],
  unauthenticated: ['unavailable', 'VERTEX_AUTH_ERROR', 'The model does not accept its credentials'],
  timedOut: ['unavailable', 'VERTEX_TIMEOUT', 'The model did not answer in time'],
  limited: ['unavailable', 'VERTEX_CONFIG_MISSING', 'The model has too many requests; try again later'],
  failed: ['unavailable', 'VERTEX_CONFIG_MISSING', 'The model failed'],
});

/** `unavailable` may pass by itself; `incomplete` is an answer that broke off or could not be read. */
export type FailureKind =
  'unconfigured' | 'auth' | 'rate_limit' | 'timeout' | 'rejected' | 'unavailable' | 'incomplete';

/** Why a model did not answer. Its message holds nothing that a provider said, which may repeat a secret or a question. */
export class LlmFailure extends Error {
  constructor(
    readonly kind: FailureKind,
    readonly detail: { readonly status?: number | undefined; readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(`the model failed: ${kind}${detail.status === undefined ? '' : ` (${detail.status})`}`);
    this.name = 'LlmFailure';
  }
}

/** The failure that an HTTP status stands for. */
export function failureOfStatus(status: number, retryAfterMs?: number): LlmFailure {
  const detail = { status, retryAfterMs };
  if (status === 401 || status === 403) return new LlmFailure('auth', detail);
  if (status === 429) return new LlmFailure('rate_limit', detail);
  if (status === 408 || status === 504) return new LlmFailure('timeout', detail);
  return new LlmFailure(status >= 500 ? 'unavailable' : 'rejected', detail);
}

/** Whether it may pass by itself soon: a limit does when its provider says when. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof LlmFailure)) return false;
  return error.kind === 'unavailable' || (error.kind === 'rate_limit' && error.detail.retryAfterMs !== undefined);
}

/** Whether it says that the provider is ill; a wrong key or a wrong model of one tenant does not. */
export function isIllness(error: unknown): boolean {
  if (!(error instanceof LlmFailure)) return true;
  return error.kind === 'unavailable' || error.kind === 'timeout' || error.kind === 'incomplete';
}

const rows: Readonly<Record<FailureKind, readonly [ErrorRow, ReasonCode]>> = {
  unconfigured: [llmErrors.unconfigured, 'llm_unconfigured'],
  auth: [llmErrors.unauthenticated, 'llm_error'],
  rate_limit: [llmErrors.limited, 'llm_rate_limit'],
  timeout: [llmErrors.timedOut, 'llm_timeout'],
  rejected: [llmErrors.failed, 'llm_error'],
  unavailable: [llmErrors.failed, 'llm_error'],
  incomplete: [llmErrors.failed, 'llm_error'],
};

/** How a failure is told to a client: as an error, or as the reason for a lesser answer. */
export function toldOf(error: unknown): { readonly row: ErrorRow; readonly reason: ReasonCode } {
  if (error instanceof LlmFailure) {
    const [row, reason] = rows[error.kind];
    return { row, reason };
  }
  if (error instanceof CatalogueError) {
    if (error.row === outboundErrors.timedOut) return { row: llmErrors.timedOut, reason: 'llm_timeout' };
    return { row: error.row, reason: 'llm_error' };
  }
  return { row: llmErrors.failed, reason: 'llm_error' };
}
