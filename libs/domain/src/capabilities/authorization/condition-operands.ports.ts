import type { Json, JsonObject } from '../../kernel/schema.js';

/** The variables of conditions. What a resource or a request does not have is null. */
export const variables = [
  'principal.id',
  'principal.tenant_id',
  'principal.role',
  'principal.plan',
  'principal.groups',
  'principal.auth_method',
  'principal.api_key_id',
  'resource.id',
  'resource.tenant_id',
  'resource.corpus_id',
  'resource.status',
  'resource.content_type',
  'resource.labels',
  'resource.metadata',
  'request.ip',
  'request.method',
  'request.path',
  'request.route_class',
  'request.time',
] as const;

/** Under these stands whatever a document was given, or a simulation adds. */
const open = ['resource.labels.', 'resource.metadata.', 'context.'];

const MOST_PARTS = 16;
const MOST_NESTED = 16;

/** What is wrong with a variable's name: one that nobody fills would never match, in silence. */
export function variableProblem(name: string): string | undefined {
  if (!isText(name) || name.split('.').some((part) => part === '')) return `a variable's name has an empty part`;
  if (name.split('.').length > MOST_PARTS) return `a variable's name has at most ${MOST_PARTS} parts`;
  const known = (variables as readonly string[]).includes(name) || open.some((root) => name.startsWith(root));
  return known
    ? undefined
    : `there is no variable ${name.slice(0, 64)}; there are ${variables.join(', ')} and context.*`;
}

/** What is wrong with a literal: only what a database can hold too is compared. */
export function literalProblem(value: Json, nested = 0): string | undefined {
  if (nested > MOST_NESTED) return `a literal is nested at most ${MOST_NESTED} deep`;
  if (typeof value === 'string') return isText(value) ? undefined : 'a literal holds a character that is none';
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'a literal number is finite';
  return typeof value === 'object' && value !== null ? partsProblem(value, nested) : undefined;
}

function partsProblem(value: readonly Json[] | JsonObject, nested: number): string | undefined {
  const parts: readonly Json[] = Array.isArray(value) ? value : [...Object.keys(value), ...Object.values(value)];
  for (const part of parts) {
    const problem = literalProblem(part, nested + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

const isText = (text: string): boolean => text.isWellFormed() && !text.includes('\0');
