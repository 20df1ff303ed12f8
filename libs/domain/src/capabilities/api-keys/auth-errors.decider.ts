import { defineErrors } from '../../kernel/errors.js';

/** What a caller is told whose credential is not accepted. */
export const authErrors = defineErrors('auth', {
  unauthorized: ['unauthenticated', 'AUTH_UNAUTHORIZED', 'A valid credential is required.'],
  revokedKey: ['unauthenticated', 'AUTH_REVOKED_KEY', 'The API key is revoked.'],
  disabledKey: ['unauthenticated', 'AUTH_DISABLED_KEY', 'The API key is disabled; an admin can enable it again.'],
  expiredKey: ['unauthenticated', 'AUTH_EXPIRED_KEY', 'The API key has expired.'],
  inactiveKey: [
    'unauthenticated',
    'AUTH_INACTIVE_KEY',
    'The API key was not used for too long; an admin can activate it again.',
  ],
  forbidden: ['forbidden', 'AUTH_FORBIDDEN', 'This credential does not allow this.'],
  invalidRole: ['bad_request', 'AUTH_INVALID_ROLE', 'X-Role must be reader, editor or admin.'],
  unavailable: ['unavailable', 'AUTH_UNAVAILABLE', 'Credentials can not be checked now; try again.'],
});
