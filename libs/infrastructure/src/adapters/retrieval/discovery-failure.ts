import { failureOfStatus, type Failure } from './service-call.js';

/** Status codes of gRPC, which the SDK makes of HTTP's. */
const grpc = { permissionDenied: 7, resourceExhausted: 8, unauthenticated: 16 } as const;
const refused = new Set([3, 5, 6, 9, 10, 11, 12]);

interface GoogleError {
  readonly message?: string;
  readonly code?: unknown;
  readonly status?: unknown;
  readonly response?: { readonly status?: number; readonly headers?: Headers; readonly data?: unknown };
}

/** The process has no credentials around it. */
export class CredentialsMissing extends Error {}

/** What the SDK throws: errors with a gRPC code, of its HTTP client, or of the library that finds credentials. */
export function failureOfGoogle(error: unknown): Failure {
  const thrown = (error ?? {}) as GoogleError;
  if (error instanceof CredentialsMissing || isCredentialProblem(thrown)) return { kind: 'auth' };
  const { code, status, response } = thrown;
  const retryAfter = response?.headers?.get('retry-after');
  const http = [response?.status, status, code].find((each) => typeof each === 'number' && each >= 100);
  return http === undefined ? failureOfCode(code, retryAfter) : failureOfStatus(http as number, retryAfter);
}

function failureOfCode(code: unknown, retryAfter: string | null | undefined): Failure {
  if (code === grpc.unauthenticated || code === grpc.permissionDenied) return { kind: 'auth' };
  if (code === grpc.resourceExhausted) return failureOfStatus(429, retryAfter);
  return typeof code === 'number' && refused.has(code) ? { kind: 'refused' } : { kind: 'ill' };
}

/** A key that cannot sign, or one that the token endpoint refuses, which it answers with 400 and these words. */
function isCredentialProblem({ code, message = '', response }: GoogleError): boolean {
  if (typeof code === 'string' && code.startsWith('ERR_OSSL')) return true;
  const said = (response?.data as { readonly error?: unknown } | undefined)?.error;
  return said === 'invalid_grant' || said === 'invalid_client' || /^invalid_(?:grant|client)\b/.test(message);
}
