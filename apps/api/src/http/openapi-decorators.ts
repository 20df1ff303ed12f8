import { ApiBearerAuth, ApiExcludeEndpoint, ApiExtraModels, ApiOperation, ApiResponse } from '@nestjs/swagger';

import { classOf } from './openapi-operations.js';
import type { EndpointPolicy } from './policy.js';

type Schema = Record<string, unknown>;

/** The envelope's `meta`, written once in the document's components. */
export const META_SCHEMA: Schema = {
  type: 'object',
  required: ['request_id', 'api_version'],
  properties: {
    request_id: { type: 'string', minLength: 1, maxLength: 128 },
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
      properties: {
        code: { type: 'string', pattern: '^[A-Z][A-Z0-9_]*$' },
        message: { type: 'string' },
        details: { type: 'object' },
      },
    },
    meta: { $ref: '#/components/schemas/Meta' },
  },
};

/** The OpenAPI decorators that follow from an endpoint's declaration. */
export function documentEndpoint(policy: EndpointPolicy): MethodDecorator[] {
  if (policy.hidden === true) return [ApiExcludeEndpoint()];
  const view = classOf(policy.returns);
  return [
    ApiOperation({
      summary: policy.does,
      operationId: `${policy.controller.name.replace(/Controller$/, '')}.${policy.method}`,
    }),
    // The answers follow from the declaration when all routes are known.
    ApiResponse({ status: policy.status, description: 'Done' }),
    ...(view === undefined ? [] : [ApiExtraModels(view)]),
    ...(policy.role === 'public' ? [] : [ApiBearerAuth('BearerAuth')]),
  ];
}
