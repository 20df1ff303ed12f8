import type { ErrorKind, ErrorRow } from '#domain/kernel/errors.js';

import type { Answer, FieldProblem } from './errors.js';

/** The error types of the OpenAI API, which its clients tell errors apart by, beside the status. */
const TYPE_OF_KIND: Readonly<Partial<Record<ErrorKind, string>>> = {
  unauthenticated: 'authentication_error',
  payment_required: 'insufficient_quota',
  forbidden: 'permission_error',
  rate_limited: 'rate_limit_error',
  internal: 'server_error',
  unavailable: 'server_error',
};

/** Codes that clients of the OpenAI API look for; all others are ours. */
const CODE_OF: Readonly<Record<string, string>> = { MODEL_NOT_FOUND: 'model_not_found' };

/** The code of an error in the form of the OpenAI API. */
export function openAiCodeOf({ code }: Pick<ErrorRow, 'code'>): string {
  return CODE_OF[code] ?? code;
}

function firstProblem(details: Answer['details']): FieldProblem | undefined {
  const { errors } = (details ?? {}) as { readonly errors?: readonly FieldProblem[] };
  return errors?.[0];
}

/** The field that is at fault, as `messages.0.content`; null when none is. */
function paramOf(details: Answer['details']): string | null {
  const named = details?.['param'];
  if (typeof named === 'string') return named;
  const [, ...path] = firstProblem(details)?.loc ?? [];
  return path.length === 0 ? null : path.join('.');
}

/** An error in the form of the OpenAI API: `{error: {message, type, param, code}}`, with our codes and our details. */
export function openAiError({ row, details }: Answer): object {
  const problem = firstProblem(details);
  const param = paramOf(details);
  const what = problem === undefined ? row.title : `${row.title}: ${param ?? 'the body'} ${problem.msg}`;
  const type = TYPE_OF_KIND[row.kind] ?? 'invalid_request_error';
  const shown = details !== undefined && Object.keys(details).length > 0 ? { details } : {};
  return { error: { message: what, type, param, code: openAiCodeOf(row), ...shown } };
}

/** The schema of such an error, written once in the document's components. */
export const OPENAI_ERROR_SCHEMA: Readonly<Record<string, unknown>> = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: { type: 'string', minLength: 1 },
        type: { type: 'string', enum: [...new Set([...Object.values(TYPE_OF_KIND), 'invalid_request_error'])] },
        param: { type: ['string', 'null'] },
        code: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9_]*$' },
        details: { type: 'object' },
      },
    },
  },
};
