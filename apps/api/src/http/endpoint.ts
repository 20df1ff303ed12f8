import { applyDecorators, Delete, Get, HttpCode, Patch, Post, Put } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';

import { documentEndpoint } from './openapi-decorators.js';
import type { Page } from './paging.js';
import { resolvePolicy, setPolicy } from './policy.js';
import type { EndpointOptions, Returns, Verb } from './policy.js';

const routeOf = { GET: Get, POST: Post, PUT: Put, PATCH: Patch, DELETE: Delete } as const;

type Awaitable<T> = T | Promise<T>;

/** What a handler may return under a declared contract. */
export type ResultOf<R extends Returns> =
  R extends Type<infer V>
    ? Awaitable<V>
    : R extends readonly [Type<infer V>]
      ? Awaitable<Page<V> | readonly V[]>
      : unknown;

function splitRoute(route: string): [Verb, string] {
  const [verb, path = '/'] = route.split(' ');
  if (verb === undefined || !Object.hasOwn(routeOf, verb)) throw new Error(`endpoint "${route}" begins with no verb`);
  return [verb as Verb, path];
}

/**
 * Declares an endpoint: `@Endpoint('POST /:holdId/release', { does, role, … })`. Routes, guards, validation, OpenAPI and the
 * generated table all follow from it; the handler's return type is checked against `returns`.
 */
export function Endpoint<const R extends Returns = undefined>(
  route: `${Verb} /${string}`,
  options: EndpointOptions<R>,
): (
  target: object,
  key: string,
  descriptor: Pick<TypedPropertyDescriptor<(...args: never[]) => ResultOf<R>>, 'value'>,
) => void {
  const [verb, path] = splitRoute(route);
  return (target, key, descriptor) => {
    const handler = descriptor.value;
    if (handler === undefined) throw new Error(`${key} is not a method`);
    const policy = resolvePolicy(verb, path, options, { controller: target.constructor as Type<object>, method: key });
    setPolicy(handler, policy);
    const decorate = applyDecorators(
      routeOf[verb](path),
      HttpCode(policy.status),
      RouteConfig({ policy }),
      ...documentEndpoint(policy),
    );
    decorate(target, key, descriptor as TypedPropertyDescriptor<unknown>);
  };
}
