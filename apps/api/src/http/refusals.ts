import { authorizationErrors } from '#domain/capabilities/authorization/authorization.decider.js';
import { authErrors } from '#domain/capabilities/api-keys/auth-errors.decider.js';
import type { ErrorRow } from '#domain/kernel/errors.js';
import { commandErrors } from '#infra/commands/command-path.js';
import { readModelErrors } from '#infra/read-models/cursor.js';

import { httpErrors } from './errors.js';
import { fieldsOf } from './fields.js';
import { queryOf } from './parameters.js';
import { pairOf, takesIdempotencyKey } from './policy.js';
import type { EndpointPolicy } from './policy.js';

/** Any request can be unreadable, hold U+0000, be too slow, or meet a store that is away. */
const everywhere: readonly ErrorRow[] = [
  httpErrors.badRequest,
  httpErrors.validation,
  httpErrors.requestTimeout,
  httpErrors.uriTooLong,
  httpErrors.headersTooLarge,
  httpErrors.unavailable,
];

function ofCaller(policy: EndpointPolicy): readonly ErrorRow[] {
  const { role, rate, recovery, feature } = policy;
  if (role === 'public') return [];
  return [
    httpErrors.unauthorized,
    ...Object.values(authErrors),
    httpErrors.forbidden,
    // Failed attempts are limited by address, also where calls are not.
    httpErrors.rateLimited,
    ...(rate === 'none' ? [] : [httpErrors.rateLimitUnavailable]),
    ...(rate === 'none' || recovery === true ? [] : [httpErrors.quotaExceeded]),
    ...(feature === undefined ? [] : [httpErrors.featureNotEnabled]),
    ...(pairOf(policy, '') === undefined ? [] : [authorizationErrors.deniedByPolicy]),
  ];
}

function ofInput(policy: EndpointPolicy): readonly ErrorRow[] {
  const query = queryOf(policy);
  const asks = (field: string): boolean => query !== undefined && fieldsOf(query).has(field);
  return [
    ...(asks('cursor') ? [readModelErrors.invalidCursor] : []),
    // A platform operator may name any tenant, and there may be none of that name.
    ...(asks('tenant_id') ? [httpErrors.notFound] : []),
    ...(policy.verb === 'GET' ? [] : [httpErrors.payloadTooLarge, httpErrors.unsupportedMediaType]),
    ...(policy.refusesTenantId === true ? [httpErrors.tenantIdNotAllowed] : []),
  ];
}

function ofEffect(policy: EndpointPolicy): readonly ErrorRow[] {
  return [
    ...(policy.stream === true ? [] : [httpErrors.deadlinePassed]),
    ...(policy.verb === 'GET' ? [] : [httpErrors.writeFrozen, commandErrors.contended]),
    ...(takesIdempotencyKey(policy)
      ? [httpErrors.idempotencyConflict, httpErrors.idempotencyBusy, httpErrors.idempotencyKeyInvalid]
      : []),
  ];
}

/** Every refusal that the caller of this endpoint can meet: its own, then the edge's with other codes. */
export function refusalsOf(policy: EndpointPolicy): readonly ErrorRow[] {
  const own = policy.refuses ?? [];
  const edge = [...ofCaller(policy), ...ofInput(policy), ...ofEffect(policy), ...everywhere];
  const known = new Set(own.map(({ code }) => code));
  const others = edge.filter(({ code }) => !known.has(code) && known.add(code));
  return [...new Set([...own, ...others])];
}
