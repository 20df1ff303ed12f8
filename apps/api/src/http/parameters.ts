import type { Type } from '@nestjs/common';
import { ROUTE_ARGS_METADATA, RouteParamtypes } from '@nestjs/common/internal';

import { fieldsOf } from './fields.js';
import type { EndpointPolicy } from './policy.js';

/** The DTO class of a handler's `@Body()` or `@Query()` parameter, when it takes the whole. */
function parameterClass(policy: EndpointPolicy, kind: RouteParamtypes): Type<object> | undefined {
  const { controller, method } = policy;
  const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as Record<
    string,
    { index: number; data?: unknown }
  >;
  const found = Object.entries(args).find(([key, arg]) => key.startsWith(`${kind}:`) && arg.data === undefined);
  if (found === undefined) return undefined;
  const types = (Reflect.getMetadata('design:paramtypes', controller.prototype as object, method) ??
    []) as Type<object>[];
  const type = types[found[1].index];
  if (type === undefined || fieldsOf(type).size === 0)
    throw new Error(
      `${controller.name}.${method} takes a ${kind === RouteParamtypes.BODY ? 'body' : 'query'} of a class without fields`,
    );
  return type;
}

/** The DTO class of an endpoint's query, known once its controller is declared; undefined when it reads none. */
export function queryOf(policy: EndpointPolicy): Type<object> | undefined {
  return policy.query ?? parameterClass(policy, RouteParamtypes.QUERY);
}

/** The DTO class of an endpoint's body, known once its controller is declared; undefined when it reads none. */
export function bodyOf(policy: EndpointPolicy): Type<object> | undefined {
  return policy.body ?? parameterClass(policy, RouteParamtypes.BODY);
}
