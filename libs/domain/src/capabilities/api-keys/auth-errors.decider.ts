import { defineErrors } from '../../kernel/errors.js';

/** What a caller is told whose credential is not accepted. */
export const authErrors = defineErrors('auth', {
  unauthorized: ['unauthenticated', 'AUTH_UNAUTHORIZED', 'A valid credential is required.'],
  revokedKey: ['unauthenticated', 'AUTH_REVOKED_KEY', 'The API key is revoked.'],
  expiredKey: ['unauthenticated', 'AUTH_EXPIRED_KEY', 'The API key has expired.'],
  forbidden: ['forbidden', 'AUTH_FORBIDDEN', 'This credential does not allow this.'],
  invalidRole: ['bad_request', 'AUTH_INVALID_ROLE', 'X-Role must be reader, editor or admin.'],
  unavailable: ['unavailable', 'AUTH_UNAVAILABLE', 'Credentials can not be checked now; try again.'],
});
