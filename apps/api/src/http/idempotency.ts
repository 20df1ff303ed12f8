import { hash } from 'node:crypto';

import canonicalize from 'canonicalize';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { CatalogueError } from '#domain/kernel/errors.js';
import type { StoredResponse } from '#infra/idempotency/claims.js';

import { factsOf } from './caller.js';
import { httpErrors, invalid } from './errors.js';
import type { IdempotencyPort } from './idempotency-port.js';
import { storedHeaders } from './stored-headers.js';

/** The key of a request, trimmed; undefined without one. */
export function idempotencyKey(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== 'string') throw new CatalogueError(httpErrors.idempotencyKeyInvalid);
  if (header.length > 128)
    throw invalid([
      { type: 'string_too_long', loc: ['header', 'Idempotency-Key'], msg: 'must have 128 characters or fewer' },
    ]);
  const key = header.trim();
  if (key === '') throw new CatalogueError(httpErrors.idempotencyKeyInvalid);
  return key;
}

/** SHA-256 of the canonical JSON (RFC 8785) of all that the handler will see: the validated body, parameters, query, and a file's digest. */
export function fingerprintOf(request: FastifyRequest): string {
  const { upload } = request.edge;
  const seen = {
    body: Buffer.isBuffer(request.body) ? hash('sha256', request.body, 'hex') : (request.body ?? null),
    params: request.params ?? {},
    query: request.query ?? {},
    file: upload === undefined ? null : { name: upload.filename, type: upload.contentType, sha256: upload.sha256 },
  };
  const text = canonicalize(JSON.parse(JSON.stringify(seen))) ?? '';
  return hash('sha256', text, 'hex');
}

function replay(reply: FastifyReply, answer: StoredResponse): void {
  reply.code(answer.status).headers(answer.headers).header('idempotency-replayed', 'true');
  void reply.send(typeof answer.body === 'string' && answer.body !== '' ? answer.body : undefined);
}

/** Claims the key of a request before anything is decided. Answers a replay itself. */
export async function claimKey(
  store: IdempotencyPort,
  request: FastifyRequest,
  reply: FastifyReply,
  given: string | readonly string[] | undefined = request.headers['idempotency-key'],
): Promise<void> {
  const { principal, legacy } = request.edge;
  if (principal === undefined || legacy) return;
  const key = idempotencyKey(given);
  if (key === undefined) return;
  const path = request.url.split('?', 1)[0] ?? '';
  const scope = { tenantId: principal.tenantId, actorId: principal.apiKeyId, method: request.method, path, key };
  const claim = await store.claim(scope, fingerprintOf(request), factsOf(request));
  switch (claim.state) {
    case 'run':
      request.edge.claim = claim;
      return;
    case 'replay':
      request.edge.answered = true;
      replay(reply, claim);
      return;
    case 'conflict':
      throw new CatalogueError(httpErrors.idempotencyConflict);
    case 'busy':
      throw new CatalogueError(httpErrors.idempotencyBusy, { retry_after_s: 1 });
  }
}

/** The answer that is about to be sent, as it will be replayed. */
export function storedAnswer(reply: FastifyReply, body: string): StoredResponse {
  return { status: reply.statusCode, headers: storedHeaders(reply), body };
}
