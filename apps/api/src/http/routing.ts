import type { FastifyReply, FastifyRequest } from 'fastify';

import { CatalogueError } from '#domain/kernel/errors.js';

import type { OriginPolicy } from './browser-headers.js';
import { edgeOf } from './context.js';
import { sendError } from './error-answer.js';
import { httpErrors } from './errors.js';
import type { CompiledEndpoint } from './policy.js';

const SPECIAL = /[.*+?^${}()|[\]\\]/g;

function patternOf(url: string): RegExp {
  const source = url
    .split('/')
    .map((part) => {
      const [name, suffix = ''] = part.startsWith(':') ? part.slice(1).split('.', 2) : [undefined, ''];
      if (name === undefined) return part.replace(SPECIAL, '\\$&');
      return `[^/]+${suffix === '' ? '' : `\\.${suffix.replace(SPECIAL, '\\$&')}`}`;
    })
    .join('/');
  return new RegExp(`^${source}$`);
}

/** The first parts of an address: two of `/v1/models/c1` are `/v1/models`. */
function beginningOf(url: string, parts: number): string {
  return url
    .split('/')
    .slice(0, parts + 1)
    .join('/');
}

const MOVED = new Set(['/docs', '/openapi.json']);

async function redirect(request: FastifyRequest, reply: FastifyReply, location: string): Promise<void> {
  await reply.code(307).header('x-request-id', request.edge.requestId).header('location', location).send();
}

function wrongMethod(request: FastifyRequest, reply: FastifyReply, verbs: readonly string[]): Promise<void> {
  reply.header('allow', verbs.join(', '));
  return sendError(request, reply, new CatalogueError(httpErrors.methodNotAllowed));
}

/** Every endpoint by its address; answers what the router found no route for. */
export class RouteTable {
  readonly #entries: { readonly pattern: RegExp; readonly endpoint: CompiledEndpoint }[] = [];

  add(endpoint: CompiledEndpoint): void {
    this.#entries.push({ pattern: patternOf(endpoint.url), endpoint });
  }

  get endpoints(): readonly CompiledEndpoint[] {
    return this.#entries.map((entry) => entry.endpoint);
  }

  #verbsAt(path: string): string[] {
    const here = this.#entries.filter(({ pattern }) => pattern.test(path));
    return [...new Set(here.map(({ endpoint }) => endpoint.policy.verb))].sort();
  }

  /** An address of the OpenAI API, or one below: where it has all endpoints that begin as it does. */
  #isOpenAi(path: string): boolean {
    const near = (depth: number): string[] =>
      this.#entries
        .filter(({ endpoint }) => beginningOf(endpoint.url, depth) === beginningOf(path, depth))
        .map(({ endpoint }) => endpoint.policy.errors ?? '');
    return [near(2), near(3)].some((found) => found.length > 0 && found.every((errors) => errors === 'openai'));
  }

  /** Where what was asked for is instead: the documentation under /v1, or the address without its needless slash. */
  #movedTo(request: FastifyRequest, path: string): string | undefined {
    if (MOVED.has(path)) return this.#verbsAt(`/v1${path}`).includes('GET') ? `/v1${path}` : undefined;
    const trimmed = path.replace(/\/+$/, '');
    if (trimmed === path || this.#verbsAt(trimmed).length === 0) return undefined;
    const [asked = ''] = request.originalUrl.split('?', 1);
    return `${asked.replace(/\/+$/, '')}${request.originalUrl.slice(asked.length)}`;
  }

  /** 204 for the preflight of a listed origin, 307 for what has moved, 405 with `Allow` for another method, else 404. */
  async answerUnmatched(request: FastifyRequest, reply: FastifyReply, origins: OriginPolicy): Promise<void> {
    const path = request.url.split('?', 1)[0] ?? '';
    edgeOf(request).openAi = this.#isOpenAi(path);
    const verbs = this.#verbsAt(path);
    if (verbs.length > 0 && !verbs.includes(request.method)) {
      if (origins.answersPreflight(request, reply, verbs)) return;
      return wrongMethod(request, reply, verbs);
    }
    const location = this.#movedTo(request, path);
    if (location !== undefined) return redirect(request, reply, location);
    return sendError(request, reply, new CatalogueError(httpErrors.notFound));
  }
}
