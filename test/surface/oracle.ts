import { DeclaredAnswers } from '#test/support/declared.js';
import type { Operation } from './operations.js';
import type { RawAnswer } from './raw-http.js';

/** What no answer may hold: stacks, places on the machine, the words of a database. */
const INTERNALS =
  /\n\s+at \S|node_modules|\.[cm]?[jt]s:\d+|\/(?:home|root|work|tmp|var|usr)\/|select .* from |duplicate key value|syntax error at|ECONNREFUSED|PGlite|ioredis/;

/** Where an answer may speak of such things, because they are its content: our own documentation. */
const DOCUMENTATION = /^\/v1\/(?:docs|openapi\.json)/;

/** Finds what is wrong with an answer, whatever was asked. */
export class Oracle {
  private readonly declared: DeclaredAnswers;

  /** Texts that may be in no answer and in no line of the log: credentials, keys, what another tenant keeps. */
  readonly secrets = new Set<string>();

  /** `document`: our OpenAPI, as the server gives it. */
  constructor(document: ConstructorParameters<typeof DeclaredAnswers>[0]) {
    this.declared = new DeclaredAnswers(document);
  }

  secretIn(text: string): string | undefined {
    for (const secret of this.secrets) if (text.includes(secret)) return secret;
    return undefined;
  }

  /** Everything that is wrong with the answer of an endpoint at an address; empty for a good one. */
  problems(operation: Operation, target: string, answer: RawAnswer): readonly string[] {
    const { status } = answer;
    const code = codeOf(answer);
    const problems = this.problemsAnywhere(answer);
    if (code !== undefined && !operation.refusesWith(status, code)) problems.push(`${status} ${code} is not declared`);
    const departure = this.declared.problemOf({ method: operation.verb, path: target, answer: exchanged(answer) });
    if (departure !== undefined) problems.push(departure);
    if (DOCUMENTATION.test(operation.url)) return problems;
    if (INTERNALS.test(answer.text)) problems.push(`tells of our insides: ${INTERNALS.exec(answer.text)?.[0] ?? ''}`);
    return problems;
  }

  /** The same of whatever an address and a method lead to, if to anything. */
  problemsAt(method: string, target: string, answer: RawAnswer): readonly string[] {
    const problems = this.problemsAnywhere(answer);
    const departure = this.declared.problemOf({ method, path: target, answer: exchanged(answer) });
    if (departure !== undefined) problems.push(departure);
    if (!DOCUMENTATION.test(target) && INTERNALS.test(answer.text)) problems.push('tells of our insides');
    return problems;
  }

  /** What must hold of every answer of the server, also where no endpoint is. */
  problemsAnywhere(answer: RawAnswer): string[] {
    const { status, headers, text } = answer;
    const problems: string[] = [];
    if (status >= 500) problems.push(`${status} ${codeOf(answer) ?? text.slice(0, 200)}`);
    const id = headers.get('x-request-id');
    if (id === undefined || !/^[A-Za-z0-9._:-]{1,128}$/.test(id)) problems.push(`has the request id ${id ?? '(none)'}`);
    const secret = this.secretIn(text) ?? this.secretIn([...headers.values()].join('\n'));
    if (secret !== undefined) problems.push(`holds the secret ${secret}`);
    if (status >= 400 && text !== '') problems.push(...problemsOfError(answer, id));
    return problems;
  }
}

interface ErrorBody {
  readonly error?: { readonly code?: unknown; readonly message?: unknown; readonly type?: unknown };
  readonly meta?: { readonly request_id?: unknown };
  readonly detail?: unknown;
}

function bodyOf({ text }: RawAnswer): ErrorBody | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function exchanged(answer: RawAnswer) {
  const { status, text } = answer;
  return { status, text, headers: new Headers([...answer.headers]), body: bodyOf(answer), code: codeOf(answer) };
}

/** The stable code of an error, of a legacy address too; undefined for a success. */
export function codeOf(answer: RawAnswer): string | undefined {
  if (answer.status < 400) return undefined;
  const body = bodyOf(answer);
  if (body?.error !== undefined) return String(body.error.code);
  if (Array.isArray(body?.detail)) return 'REQUEST_VALIDATION_ERROR';
  return typeof body?.detail === 'object' && body.detail !== null && 'code' in body.detail
    ? String(body.detail.code)
    : undefined;
}

function problemsOfError(answer: RawAnswer, id: string | undefined): string[] {
  const body = bodyOf(answer);
  if (body?.error === undefined) return body?.detail === undefined ? ['is no error envelope'] : [];
  const { code, message } = body.error;
  const problems: string[] = [];
  // Errors in the form of the OpenAI API have its codes where its clients look for them.
  const form = body.error.type === undefined ? /^[A-Z][A-Z0-9_]+$/ : /^[A-Za-z][A-Za-z0-9_]+$/;
  if (typeof code !== 'string' || !form.test(code)) problems.push('has no stable code');
  if (typeof message !== 'string' || message === '') problems.push('has no message');
  // Errors in the form of the OpenAI API have a type, and their request's id in the header alone.
  if (body.error.type === undefined && body.meta?.request_id !== id)
    problems.push('names another request in its body than in its header');
  return problems;
}
