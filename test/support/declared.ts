import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Answer } from './client.js';

type Json = Readonly<Record<string, unknown>>;
interface Response {
  readonly content?: Readonly<Record<string, { readonly schema: Json }>>;
}
interface Operation {
  readonly responses: Readonly<Record<string, Response | { readonly $ref: string }>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly responses: Readonly<Record<string, Response>> };
}

/** What was asked, and what came. */
export interface Exchange {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly answer: Pick<Answer, 'status' | 'headers' | 'text' | 'body' | 'code'>;
}

/** Of nobody's contract: the command line's way in, and the documentation itself. */
const HIDDEN = /^\/v1\/(?:operator\/|docs(?:\/|$)|openapi\.json$)/;

/** Says in one sentence how an answer departs from an OpenAPI document; undefined when it is as declared. */
export class DeclaredAnswers {
  private readonly validators = new Map<string, ValidateFunction>();
  private readonly ajv = new Ajv2020({
    strict: false,
    validateSchema: false,
    validateFormats: false,
    allErrors: false,
  });
  private readonly routes: readonly { readonly pattern: RegExp; readonly path: string; readonly fixed: number }[];

  constructor(private readonly document: Document) {
    this.ajv.addSchema(document, 'openapi');
    const routes = Object.keys(document.paths).map((path) => {
      const parts = path
        .split('/')
        .map((part) => part.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/, '[^/]+'));
      return { pattern: new RegExp(`^${parts.join('/')}$`), path, fixed: path.split('/{').length };
    });
    this.routes = routes.sort((left, right) => left.fixed - right.fixed);
  }

  /** The committed document, which `npm run docs:check` keeps current. */
  static committed(): DeclaredAnswers {
    const file = join(import.meta.dirname, '../../docs/generated/openapi.json');
    return new DeclaredAnswers(JSON.parse(readFileSync(file, 'utf8')) as Document);
  }

  problemOf(exchange: Exchange): string | undefined {
    const problem = this.departure(exchange);
    if (problem === undefined) return undefined;
    const { status, text } = exchange.answer;
    return `${exchange.method} ${exchange.path} answered ${status} ${text.slice(0, 300)}: ${problem}`;
  }

  private departure({ method, path, answer }: Exchange): string | undefined {
    const [address = ''] = path.split(/[?#]/, 1);
    if (!address.startsWith('/v1/') || HIDDEN.test(address)) return undefined;
    if (answer.headers.get('x-request-id') === null) return 'it has no X-Request-Id';
    const verb = method.toLowerCase();
    const fitting = this.routes.filter(({ pattern }) => pattern.test(address));
    const at = fitting.find((route) => this.document.paths[route.path]?.[verb] !== undefined) ?? fitting[0];
    if (at === undefined) return unmatched(method, answer);
    const operation = this.document.paths[at.path]?.[verb];
    if (operation === undefined) return wrongMethod(method, answer);
    const declared = operation.responses[String(answer.status)];
    if (declared === undefined) return `${at.path} does not declare the status ${answer.status}`;
    return this.bodyProblem(method, at.path, answer, declared);
  }

  private bodyProblem(
    method: string,
    path: string,
    answer: Exchange['answer'],
    declared: Response | { readonly $ref: string },
  ): string | undefined {
    const named = '$ref' in declared ? declared.$ref.split('/').at(-1) : undefined;
    const response = named === undefined ? (declared as Response) : this.document.components.responses[named];
    if (response?.content === undefined) return answer.text === '' ? undefined : 'it declares no body';
    const type = answer.headers.get('content-type')?.split(';', 1)[0] ?? '';
    if (response.content[type] === undefined) return `it declares no body of the type ${type}`;
    if (type !== 'application/json') return undefined;
    const parts = ['paths', path, method.toLowerCase(), 'responses', String(answer.status)];
    const inline = [...parts, 'content', type, 'schema'];
    const shared = ['components', 'responses', named ?? '', 'content', type, 'schema'];
    const validate = this.validator(named === undefined ? inline : shared);
    if (validate(answer.body)) return undefined;
    return this.ajv.errorsText(validate.errors, { dataVar: 'body' });
  }

  private validator(parts: readonly string[]): ValidateFunction {
    const pointer = parts.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
    const known = this.validators.get(pointer) ?? this.ajv.compile({ $ref: `openapi#/${pointer}` });
    this.validators.set(pointer, known);
    return known;
  }
}

/** What is refused before anyone looks for an endpoint. */
const BEFORE_ROUTING = new Set([
  '400 BAD_REQUEST',
  '408 REQUEST_TIMEOUT',
  '413 PAYLOAD_TOO_LARGE',
  '414 URI_TOO_LONG',
  '431 HEADERS_TOO_LARGE',
]);

/** An address that the document does not have: nothing there, a slash too many, or not an address at all. */
function unmatched(method: string, { status, code }: Exchange['answer']): string | undefined {
  const refusals = ['404 NOT_FOUND', ...BEFORE_ROUTING];
  // An answer to HEAD has no body that could name its code.
  const declared = (refusal: string): boolean =>
    method === 'HEAD' ? refusal.startsWith(`${status} `) : refusal === `${status} ${code ?? ''}`;
  const expected = status === 307 || refusals.some(declared);
  return expected ? undefined : 'the document has no such address (`npm run docs:generate` writes it)';
}

function wrongMethod(method: string, { status, code, headers }: Exchange['answer']): string | undefined {
  const bodiless = method === 'HEAD' || (method === 'OPTIONS' && status === 204);
  if (status === 405 && headers.get('allow') === null) return 'a 405 names no methods in Allow';
  if (BEFORE_ROUTING.has(`${status} ${code ?? ''}`)) return undefined;
  return bodiless || (status === 405 && code === 'METHOD_NOT_ALLOWED') ? undefined : 'the method is not declared';
}

let committed: DeclaredAnswers | undefined;

/** Throws when an answer of a server is not one that the committed OpenAPI document declares. */
export function assertDeclared(exchange: Exchange): void {
  committed ??= DeclaredAnswers.committed();
  const problem = committed.problemOf(exchange);
  if (problem !== undefined) throw new Error(problem);
}
