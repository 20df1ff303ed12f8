import { defineReaction } from '../../kernel/reaction.js';
import type { TenantEvent } from '../tenants/tenants.events.js';
import { authzPolicies, POLICY_STREAM_ID } from './authorization.decider.js';

/** Every tenant begins with its first policies, also those that were there before there were policies. */
export const authorizationReactions = defineReaction<TenantEvent>({
  name: 'authorization',
  from: 'beginning',
  on: {
    TenantRegistered: () => [
      {
        kind: 'command',
        category: authzPolicies.category,
        streamId: POLICY_STREAM_ID,
        command: { type: 'SeedPolicies', data: { of: 'tenant' } },
      },
    ],
  },
});
