import { CatalogueError, defineErrors, type ErrorRow } from '#domain/kernel/errors.js';

/** An ingestion tries again after what is unavailable, and gives up at once where that is lasting, and after all others. */
export const embeddingErrors = defineErrors('embedding', {
  unconfigured: ['unavailable', 'EMBEDDING_CONFIG_MISSING', 'The embedding provider is not configured', 'lasting'],
  auth: [
    'unavailable',
    'EMBEDDING_AUTH_ERROR',
    'The embedding provider does not take the configured credentials',
    'lasting',
  ],
  modelNotFound: [
    'unavailable',
    'EMBEDDING_MODEL_NOT_FOUND',
    'The embedding provider does not have this model',
    'lasting',
  ],
  refused: ['unavailable', 'EMBEDDING_REFUSED', 'The embedding provider refused the request', 'lasting'],
  dimension: [
    'unavailable',
    'EMBEDDING_DIMENSION_MISMATCH',
    'The embedding model gave vectors of another dimension',
    'lasting',
  ],
  invalid: [
    'unavailable',
    'EMBEDDING_INVALID',
    'The embedding model gave vectors that are not finite, or too few',
    'lasting',
  ],
  rateLimited: ['unavailable', 'EMBEDDING_RATE_LIMITED', 'The embedding provider limits the rate of requests'],
  failing: ['unavailable', 'EMBEDDING_ERROR', 'The embedding provider is failing'],
  tooLong: ['bad_request', 'EMBEDDING_INPUT_TOO_LONG', 'A text is longer than the embedding model reads'],
  unknownModel: ['validation', 'EMBEDDING_MODEL_UNKNOWN', 'This embedding model is not offered'],
});

/** What a question may end with in place of the vector that its passages are looked for by. */
export const questionFailures: readonly ErrorRow[] = [
  embeddingErrors.unconfigured,
  embeddingErrors.auth,
  embeddingErrors.modelNotFound,
  embeddingErrors.refused,
  embeddingErrors.dimension,
  embeddingErrors.invalid,
  embeddingErrors.rateLimited,
  embeddingErrors.failing,
];

export type FaultKind = 'auth' | 'modelNotFound' | 'refused' | 'rateLimited' | 'failing' | 'dimension' | 'invalid';

/** What one request to a provider came to, when it was not vectors. Inside an outbound call only. */
export class EmbeddingFault extends Error {
  readonly retryAfterMs: number | undefined;
  /** The request, or one text of it, is longer than the provider takes. */
  readonly tooLong: boolean;

  constructor(
    readonly kind: FaultKind,
    cause: unknown,
    more: { readonly retryAfterMs?: number | undefined; readonly tooLong?: boolean } = {},
  ) {
    super(`embedding: ${kind}`, { cause });
    this.name = 'EmbeddingFault';
    this.retryAfterMs = more.retryAfterMs;
    this.tooLong = more.tooLong ?? false;
  }

  /** As callers see it; what the provider said goes to the log only, as the cause. */
  toError(details: Readonly<Record<string, unknown>>): CatalogueError {
    const wait = this.retryAfterMs === undefined ? {} : { retry_after_ms: this.retryAfterMs };
    return new CatalogueError(embeddingErrors[this.kind], { ...details, ...wait }, { cause: this.cause });
  }
}

const SAYS_TOO_LONG =
  /context length|too long|too large|too many (?:tokens|inputs)|(?:exceeds?|maximum|less than|up to|more than).{0,60}(?:token|batch|length|input|instance)|(?:token|batch|instance)s?.{0,60}(?:exceeds?|maximum|less than|up to|allowed)/i;

/** What a status of a provider means. `text` is what it said. */
export function faultOfStatus(status: number, text: string, cause: unknown, retryAfterMs?: number): EmbeddingFault {
  if (status === 401 || status === 403) return new EmbeddingFault('auth', cause);
  if (status === 404) return new EmbeddingFault('modelNotFound', cause);
  if (status === 429) return new EmbeddingFault('rateLimited', cause, { retryAfterMs });
  if (status === 408 || status >= 500) return new EmbeddingFault('failing', cause, { retryAfterMs });
  const tooLong = status === 413 || ((status === 400 || status === 422) && SAYS_TOO_LONG.test(text));
  return new EmbeddingFault('refused', cause, { tooLong });
}
