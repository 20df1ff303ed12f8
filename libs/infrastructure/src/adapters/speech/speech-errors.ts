import { CatalogueError, defineErrors, type ErrorRow } from '#domain/kernel/errors.js';

export const speechErrors = defineErrors('speech', {
  ttsUnconfigured: ['unavailable', 'TTS_CONFIG_MISSING', 'No speech provider is configured'],
  ttsAuth: ['unavailable', 'TTS_AUTH_ERROR', 'The speech provider does not take the configured credentials'],
  ttsFailed: ['unavailable', 'TTS_ERROR', 'The speech provider failed'],
  ttsCancelled: ['unavailable', 'TTS_CANCELLED', 'The run ended before its answer was spoken'],
  sttUnconfigured: ['unavailable', 'STT_CONFIG_MISSING', 'No provider that transcribes speech is configured'],
  sttAuth: [
    'unavailable',
    'STT_AUTH_ERROR',
    'The provider that transcribes speech does not take the configured credentials',
  ],
  sttRefused: ['validation', 'STT_AUDIO_REFUSED', 'The provider that transcribes speech can not read this audio'],
  sttFailed: ['unavailable', 'STT_ERROR', 'The provider that transcribes speech failed'],
  nothingSaid: ['validation', 'STT_NO_SPEECH', 'Nothing was said in this audio'],
  audioUnsupported: [
    'unsupported_media_type',
    'UNSUPPORTED_MEDIA_TYPE',
    'This is no audio that is transcribed: WAV, MP3, MP4, Ogg, WebM or FLAC',
  ],
});

/** `refused`: what was sent is at fault; `misconfigured`: where, or for what model, it was sent. */
export type SpeechFault = 'auth' | 'failed' | 'refused' | 'misconfigured' | 'rateLimited';

/** Statuses that say that the request itself is at fault. */
const REFUSALS = [400, 413, 415, 422];

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
  return new SpeechFailure(REFUSALS.includes(status) ? 'refused' : 'misconfigured', cause);
}

/** As callers see it; what the provider said is the cause, which goes to the log only. */
export function told(
  error: unknown,
  rows: { readonly [fault in 'auth' | 'failed']: ErrorRow } & { readonly refused?: ErrorRow },
): unknown {
  if (!(error instanceof SpeechFailure)) return error;
  const wait = error.retryAfterMs === undefined ? undefined : { retry_after_ms: error.retryAfterMs };
  const { auth, failed, refused = failed } = rows;
  const of: Partial<Record<SpeechFault, ErrorRow>> = { auth, refused };
  return new CatalogueError(of[error.fault] ?? failed, wait, { cause: error.cause });
}
