import { defineDecider } from '../../kernel/decider.js';
import { defineErrors, refuse } from '../../kernel/errors.js';
import { isTenantId } from '../../kernel/streams.js';
import type { TenantEvent } from './tenants.events.js';

export const tenantErrors = defineErrors('tenants', {
  notFound: ['not_found', 'NOT_FOUND', 'There is no such tenant'],
  invalidId: ['validation', 'TENANT_ID_INVALID', 'A tenant id has 1 to 64 characters of a-z, 0-9 and _'],
});

export interface RegisterTenant {
  readonly type: 'RegisterTenant';
  readonly data: { readonly tenantId: string; readonly name: string };
}

export type TenantState = { readonly status: 'unknown' } | { readonly status: 'registered'; readonly name: string };

/** One stream a tenant; registering again changes nothing. */
export const tenants = defineDecider<RegisterTenant, TenantEvent, TenantState>({
  category: 'tenants',
  initial: { status: 'unknown' },
  decide: (command, state) => {
    if (!isTenantId(command.data.tenantId)) return refuse(tenantErrors.invalidId);
    return state.status === 'registered' ? [] : [{ type: 'TenantRegistered', data: command.data }];
  },
  evolve: (_state, event) => ({ status: 'registered', name: event.data.name }),
});
