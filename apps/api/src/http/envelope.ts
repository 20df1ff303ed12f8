import type { FastifyReply, FastifyRequest } from 'fastify';

import type { Answer } from './errors.js';
import { Page } from './paging.js';

export const JSON_TYPE = 'application/json; charset=utf-8';

interface Meta {
  readonly request_id: string;
  readonly api_version: 'v1';
  readonly page?: { readonly next_cursor: string | null; readonly has_more: boolean };
}

function metaOf(requestId: string, page?: Page<unknown>): Meta {
  const meta = { request_id: requestId, api_version: 'v1' } as const;
  if (page === undefined) return meta;
  return { ...meta, page: { next_cursor: page.nextCursor, has_more: page.nextCursor !== null } };
}

/** The address of the next page: this one with another cursor. */
function nextLink(request: FastifyRequest, cursor: string): string {
  const [path, query] = request.originalUrl.split('?', 2);
  const params = new URLSearchParams(query);
  params.set('cursor', cursor);
  return `<${path ?? ''}?${params.toString()}>; rel="next"`;
}

/** The JSON text of a successful answer: enveloped under /v1, bare on legacy routes. Sets `Link` for a page that has a next. */
export function successText(request: FastifyRequest, reply: FastifyReply, body: unknown): string {
  const { requestId, legacy } = request.edge;
  const page = body instanceof Page ? body : undefined;
  if (page !== undefined && page.nextCursor !== null) addLink(reply, nextLink(request, page.nextCursor));
  const data = page === undefined ? body : page.items;
  return JSON.stringify(legacy ? (data ?? null) : { data: data ?? null, meta: metaOf(requestId, page) });
}

function addLink(reply: FastifyReply, link: string): void {
  const current = reply.getHeader('link');
  reply.header('link', typeof current === 'string' ? `${current}, ${link}` : link);
}

function legacyDetail(answer: Answer): unknown {
  const { row, details } = answer;
  if (row.code === 'REQUEST_VALIDATION_ERROR') return details?.['errors'] ?? [];
  if (row.kind === 'internal') return 'Internal Server Error';
  return { code: row.code, message: row.title, ...details };
}

/** The JSON text of an error: `{error, meta}` under /v1, `{detail}` on legacy routes. */
export function errorText(answer: Answer, requestId: string, legacy: boolean): string {
  if (legacy) return JSON.stringify({ detail: legacyDetail(answer) });
  const { row, details } = answer;
  const shown = details !== undefined && Object.keys(details).length > 0 ? { details } : {};
  return JSON.stringify({ error: { code: row.code, message: row.title, ...shown }, meta: metaOf(requestId) });
}
