import {
  ApiBearerAuth,
  ApiExcludeEndpoint,
  ApiExtraModels,
  ApiHeader,
  ApiOperation,
  ApiResponse,
  getSchemaPath,
} from '@nestjs/swagger';
import type { Type } from '@nestjs/common';

import type { ErrorRow } from '#domain/kernel/errors.js';

import { httpErrors, statusOfKind } from './errors.js';
import type { EndpointPolicy, Returns } from './policy.js';

type Schema = Record<string, unknown>;

/** The envelope's `meta`, written once in the document's components. */
export const META_SCHEMA: Schema = {
  type: 'object',
  required: ['request_id', 'api_version'],
  properties: {
    request_id: { type: 'string' },
    api_version: { type: 'string', const: 'v1' },
    page: {
      type: 'object',
      required: ['next_cursor', 'has_more'],
      properties: { next_cursor: { type: ['string', 'null'] }, has_more: { type: 'boolean' } },
    },
  },
};

export const ERROR_SCHEMA: Schema = {
  type: 'object',
  required: ['error', 'meta'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: { code: { type: 'string' }, message: { type: 'string' }, details: { type: 'object' } },
    },
    meta: { $ref: '#/components/schemas/Meta' },
  },
};

function classOf(returns: Returns): Type<object> | undefined {
  return typeof returns === 'function' ? returns : returns?.[0];
}

function dataSchema(returns: Returns): Schema {
  const view = classOf(returns);
  if (view === undefined) return {};
  const ref = { $ref: getSchemaPath(view) };
  return typeof returns === 'function' ? ref : { type: 'array', items: ref };
}

function success(policy: EndpointPolicy): MethodDecorator {
  const { status, stream, bare, returns } = policy;
  if (stream === true)
    return ApiResponse({
      status,
      description: 'A stream of events',
      content: { 'text/event-stream': { schema: { type: 'string' } } },
    });
  if (status === 204) return ApiResponse({ status, description: 'Done' });
  const data = dataSchema(returns);
  const enveloped = {
    type: 'object',
    required: ['data', 'meta'],
    properties: { data, meta: { $ref: '#/components/schemas/Meta' } },
  };
  const schema = bare === true ? data : enveloped;
  return ApiResponse({ status, description: 'Done', content: { 'application/json': { schema } } });
}

/** Every refusal that the caller of this endpoint can meet: its own and the edge's. */
export function refusalsOf(policy: EndpointPolicy): readonly ErrorRow[] {
  const rows = [...(policy.refuses ?? [])];
  if (policy.role !== 'public') rows.push(httpErrors.unauthorized, httpErrors.forbidden);
  if (policy.refusesTenantId === true) rows.push(httpErrors.tenantIdNotAllowed);
  if (policy.verb !== 'GET') rows.push(httpErrors.validation);
  if (policy.verb === 'POST' || policy.verb === 'PATCH' || policy.verb === 'PUT')
    rows.push(httpErrors.payloadTooLarge, httpErrors.unsupportedMediaType);
  if (policy.idempotent) rows.push(httpErrors.idempotencyConflict, httpErrors.idempotencyKeyInvalid);
  return rows;
}

function refusals(policy: EndpointPolicy): MethodDecorator[] {
  const byStatus = new Map<number, ErrorRow[]>();
  for (const row of refusalsOf(policy)) {
    const status = statusOfKind[row.kind];
    byStatus.set(status, [...(byStatus.get(status) ?? []), row]);
  }
  return [...byStatus].map(([status, rows]) =>
    ApiResponse({
      status,
      description: rows.map((row) => `\`${row.code}\`: ${row.title}`).join('  \n'),
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
    }),
  );
}

/** The OpenAPI decorators that follow from an endpoint's declaration. */
export function documentEndpoint(policy: EndpointPolicy): MethodDecorator[] {
  if (policy.hidden === true) return [ApiExcludeEndpoint()];
  const view = classOf(policy.returns);
  return [
    ApiOperation({
      summary: policy.does,
      operationId: `${policy.controller.name.replace(/Controller$/, '')}.${policy.method}`,
    }),
    success(policy),
    ...refusals(policy),
    ...(view === undefined ? [] : [ApiExtraModels(view)]),
    ...(policy.role === 'public' ? [] : [ApiBearerAuth('BearerAuth')]),
    ...(policy.idempotent
      ? [ApiHeader({ name: 'Idempotency-Key', required: false, schema: { type: 'string', maxLength: 128 } })]
      : []),
  ];
}
