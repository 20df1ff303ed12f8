import { defineConfig } from './define-config.js';
import { boolean, int } from './fields.js';

/** Who may do what, beyond roles. */
export const authorizationArea = defineConfig('authorization', 'Who may do what, beyond roles.', {
  AUTHZ_ABAC_ENABLED: boolean('Whether policies are asked for at all; permissions on documents always are.', true),
  AUTHZ_DEFAULT_DENY: boolean('Whether what no policy allows is denied.', true),
  AUTHZ_ADMIN_BYPASS_DOCUMENT_ACL: boolean('Whether admins need no permission on a document.', false),
  AUTHZ_SHARE_NEW_DOCUMENTS: boolean(
    'Whether a new document is for all members of its tenant, by role; else for its owner until others are permitted.',
    false,
  ),
  AUTHZ_MAX_POLICY_BYTES: int('The longest condition of a policy.', {
    default: 16_384,
    min: 64,
    max: 1_048_576,
    unit: 'bytes',
  }),
  AUTHZ_MAX_POLICY_DEPTH: int('The deepest condition of a policy; a comparison alone counts 2.', {
    default: 8,
    min: 2,
    max: 64,
  }),
  AUTHZ_SIMULATION_ENABLED: boolean('Whether policies can be simulated.', true),
  AUTHZ_ALLOW_WILDCARDS: boolean('Whether a policy may be about any action on any resource.', false),
});
