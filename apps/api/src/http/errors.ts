import { HttpException } from '@nestjs/common';

import { CatalogueError, defineErrors } from '#domain/kernel/errors.js';
import type { ErrorKind, ErrorRow } from '#domain/kernel/errors.js';
import { isTransient } from '#infra/database/database-errors.js';
import { AppendOutcomeUnknown, AppendTooLarge, LogUnavailable, WriterFenced } from '#infra/event-log/event-log.js';

/** The one table from the kind of an error to its HTTP status. */
export const statusOfKind: Readonly<Record<ErrorKind, number>> = {
  bad_request: 400,
  unauthenticated: 401,
  payment_required: 402,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  timeout: 408,
  conflict: 409,
  gone: 410,
  too_large: 413,
  uri_too_long: 414,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  validation: 422,
  rate_limited: 429,
  headers_too_large: 431,
  internal: 500,
  unavailable: 503,
};

/** Errors that the edge itself answers with; capabilities declare their own tables. */
export const httpErrors = defineErrors('http', {
  badRequest: ['bad_request', 'BAD_REQUEST', 'The request could not be understood.'],
  tenantIdNotAllowed: [
    'bad_request',
    'TENANT_ID_NOT_ALLOWED',
    'The tenant comes from the credential; leave tenant_id out.',
  ],
  idempotencyKeyInvalid: ['bad_request', 'IDEMPOTENCY_KEY_INVALID', 'The Idempotency-Key is blank.'],
  unauthorized: ['unauthenticated', 'AUTH_UNAUTHORIZED', 'A valid credential is required.'],
  quotaExceeded: ['payment_required', 'QUOTA_EXCEEDED', 'The quota of the tenant is used up.'],
  featureNotEnabled: ['forbidden', 'FEATURE_NOT_ENABLED', 'The plan of the tenant does not include this feature.'],
  forbidden: ['forbidden', 'AUTH_FORBIDDEN', 'The role of this credential does not allow this.'],
  notFound: ['not_found', 'NOT_FOUND', 'There is nothing at this address.'],
  methodNotAllowed: ['method_not_allowed', 'METHOD_NOT_ALLOWED', 'This address does not take this method.'],
  requestTimeout: ['timeout', 'REQUEST_TIMEOUT', 'The request took too long to arrive.'],
  deadlinePassed: [
    'unavailable',
    'REQUEST_DEADLINE_EXCEEDED',
    'The answer took too long; what was begun may take effect, which a repeat with the same Idempotency-Key tells.',
  ],
  idempotencyConflict: ['conflict', 'IDEMPOTENCY_KEY_CONFLICT', 'The Idempotency-Key was used with another request.'],
  idempotencyBusy: [
    'conflict',
    'IDEMPOTENCY_KEY_IN_PROGRESS',
    'The first request with this Idempotency-Key is still running.',
  ],
  legacyGone: ['gone', 'LEGACY_ROUTE_GONE', 'Routes without a version are gone; use the successor under /v1.'],
  payloadTooLarge: ['too_large', 'PAYLOAD_TOO_LARGE', 'The request body is too large.'],
  uriTooLong: ['uri_too_long', 'URI_TOO_LONG', 'The address is too long.'],
  headersTooLarge: ['headers_too_large', 'HEADERS_TOO_LARGE', 'The headers of the request are too large.'],
  unsupportedMediaType: [
    'unsupported_media_type',
    'UNSUPPORTED_MEDIA_TYPE',
    'The content type of the body is not taken here.',
  ],
  validation: ['validation', 'REQUEST_VALIDATION_ERROR', 'Validation error'],
  rateLimited: ['rate_limited', 'RATE_LIMITED', 'Too many requests; slow down.'],
  rateLimitUnavailable: [
    'unavailable',
    'RATE_LIMIT_UNAVAILABLE',
    'Requests cannot be counted now, and are refused until they can.',
  ],
  internal: ['internal', 'INTERNAL_ERROR', 'Internal server error'],
  unavailable: ['unavailable', 'SERVICE_UNAVAILABLE', 'The service can not answer now; try again.'],
  writeFrozen: ['unavailable', 'WRITE_FROZEN', 'Writes are frozen; try again later.'],
});

const rowOfStatus: Readonly<Record<number, ErrorRow>> = {
  400: httpErrors.badRequest,
  401: httpErrors.unauthorized,
  403: httpErrors.forbidden,
  404: httpErrors.notFound,
  405: httpErrors.methodNotAllowed,
  408: httpErrors.requestTimeout,
  413: httpErrors.payloadTooLarge,
  414: httpErrors.uriTooLong,
  415: httpErrors.unsupportedMediaType,
  422: httpErrors.validation,
  503: httpErrors.unavailable,
};

/** An error as the client will see it. `unexpected` marks what must be logged with its cause. */
export interface Answer {
  readonly row: ErrorRow;
  readonly status: number;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfterS: number | undefined;
  readonly unexpected: boolean;
}

function answer(row: ErrorRow, more: Partial<Omit<Answer, 'row' | 'status'>> = {}): Answer {
  return {
    row,
    status: statusOfKind[row.kind],
    details: undefined,
    retryAfterS: undefined,
    unexpected: false,
    ...more,
  };
}

function ofCatalogue(error: CatalogueError): Answer {
  const { retry_after_s: seconds, retry_after_ms: millis } = error.details ?? {};
  const wait = typeof millis === 'number' ? millis / 1000 : seconds;
  const retryAfterS = typeof wait === 'number' ? Math.max(1, Math.ceil(wait)) : undefined;
  const fallback = error.row.kind === 'unavailable' ? 1 : undefined;
  return answer(error.row, {
    details: error.details,
    retryAfterS: retryAfterS ?? fallback,
    unexpected: error.row.kind === 'internal',
  });
}

function ofEventLog(error: unknown): Answer | undefined {
  if (error instanceof LogUnavailable)
    return answer(httpErrors.unavailable, { retryAfterS: Math.max(1, Math.ceil(error.retryAfterMs / 1000)) });
  if (error instanceof AppendOutcomeUnknown) return answer(httpErrors.unavailable, { retryAfterS: 1 });
  if (error instanceof WriterFenced) return answer(httpErrors.writeFrozen, { retryAfterS: 5 });
  return error instanceof AppendTooLarge ? answer(httpErrors.payloadTooLarge) : undefined;
}

/** A lost connection, a deadlock, a full server: the same request may succeed in a moment. */
function ofDatabase(error: unknown): Answer | undefined {
  return isTransient(error) ? answer(httpErrors.unavailable, { retryAfterS: 1 }) : undefined;
}

/** Fastify and its plugins put a client's fault into `statusCode`; their text stays out of the answer. */
function ofFramework(error: unknown): Answer | undefined {
  const status = error instanceof HttpException ? error.getStatus() : (error as { statusCode?: unknown }).statusCode;
  if (typeof status !== 'number' || status < 400) return undefined;
  if (status < 500) return answer(rowOfStatus[status] ?? httpErrors.badRequest);
  return status === 503 ? answer(httpErrors.unavailable, { retryAfterS: 1 }) : undefined;
}

/** What the client is told about any thrown value; what no table knows is 500 without a text. */
export function answerOf(error: unknown): Answer {
  if (error instanceof CatalogueError) return ofCatalogue(error);
  if (typeof error !== 'object' || error === null) return answer(httpErrors.internal, { unexpected: true });
  return (
    ofEventLog(error) ?? ofFramework(error) ?? ofDatabase(error) ?? answer(httpErrors.internal, { unexpected: true })
  );
}

/** One wrong field of a request, without the value that was sent. */
export interface FieldProblem {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
}

export function invalid(errors: readonly FieldProblem[]): CatalogueError {
  return new CatalogueError(httpErrors.validation, { errors });
}
