/** Tenant of nobody and of the platform itself. */
export const SYSTEM_TENANT = '_system';

const tenantPattern = /^[a-z0-9_]{1,64}$/;
const categoryPattern = /^[a-z][a-zA-Z0-9]*$/;

export function isTenantId(value: string): boolean {
  return tenantPattern.test(value);
}

/** The stream name `<category>-<tenant>.<id>`, which EventStoreDB's `$ce-` projections split at the first dash. */
export function streamName(category: string, tenantId: string, id: string): string {
  if (!categoryPattern.test(category)) throw new RangeError(`category ${category} is not camelCase`);
  if (!tenantPattern.test(tenantId)) throw new RangeError('tenant id must be [a-z0-9_]{1,64}');
  return `${category}-${tenantId}.${id}`;
}

export interface StreamParts {
  readonly category: string;
  readonly tenantId: string;
  readonly id: string;
}

/** Splits a stream name; undefined for names that are not ours. */
export function parseStream(stream: string): StreamParts | undefined {
  const dash = stream.indexOf('-');
  const dot = stream.indexOf('.', dash);
  if (dash <= 0 || dot < 0) return undefined;
  return { category: stream.slice(0, dash), tenantId: stream.slice(dash + 1, dot), id: stream.slice(dot + 1) };
}

/** The id part of one of our stream names. */
export function streamIdOf(stream: string): string {
  return parseStream(stream)?.id ?? stream;
}
