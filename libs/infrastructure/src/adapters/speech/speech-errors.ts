import { CatalogueError, defineErrors } from '#domain/kernel/errors.js';

export const speechErrors = defineErrors('speech', {
  ttsUnconfigured: ['unavailable', 'TTS_CONFIG_MISSING', 'No speech provider is configured'],
  ttsAuth: ['unavailable', 'TTS_AUTH_ERROR', 'The speech provider does not take the configured credentials'],
  ttsFailed: ['unavailable', 'TTS_ERROR', 'The speech provider failed'],
});

export type SpeechFault = 'auth' | 'failed' | 'refused' | 'rateLimited';

/** What one request to a provider came to. Inside an outbound call only. */
export class SpeechFailure extends Error {
  constructor(
    readonly fault: SpeechFault,
    cause: unknown,
    readonly retryAfterMs?: number,
  ) {
    super(`speech: ${fault}`, { cause });
    this.name = 'SpeechFailure';
  }
}

/** What a status of a provider means. */
export function failureOfStatus(status: number, cause: unknown, retryAfterMs?: number): SpeechFailure {
  if (status === 401 || status === 403) return new SpeechFailure('auth', cause);
  if (status === 429) return new SpeechFailure('rateLimited', cause, retryAfterMs);
  if (status === 408 || status >= 500) return new SpeechFailure('failed', cause, retryAfterMs);
  return new SpeechFailure('refused', cause);
}

/** As callers see it; what the provider said is the cause, which goes to the log only. */
export function told(
  error: unknown,
  rows: { readonly auth: CatalogueError['row']; readonly failed: CatalogueError['row'] },
): unknown {
  if (!(error instanceof SpeechFailure)) return error;
  const wait = error.retryAfterMs === undefined ? undefined : { retry_after_ms: error.retryAfterMs };
  return new CatalogueError(error.fault === 'auth' ? rows.auth : rows.failed, wait, { cause: error.cause });
}
