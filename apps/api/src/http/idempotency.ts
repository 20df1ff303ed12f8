import { createHash } from 'node:crypto';

import canonicalize from 'canonicalize';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { CatalogueError } from '#domain/kernel/errors.js';
import type { Facts } from '#domain/kernel/decider.js';

import { factsOf } from './caller.js';
import { httpErrors, invalid } from './errors.js';
import type { ClaimVerdict, IdempotencyPort, IdempotencyScope, StoredAnswer } from './idempotency-port.js';

/** How long a twin waits for the first, in milliseconds. */
const BUSY_WAIT_MS = 30_000;
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 250;

/** The key of a request, trimmed; undefined without one. */
export function idempotencyKey(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined || header === '') return undefined;
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
    body: Buffer.isBuffer(request.body)
      ? createHash('sha256').update(request.body).digest('hex')
      : (request.body ?? null),
    params: request.params ?? {},
    query: request.query ?? {},
    file: upload === undefined ? null : { name: upload.filename, type: upload.contentType, sha256: upload.sha256 },
  };
  const text = canonicalize(JSON.parse(JSON.stringify(seen))) ?? '';
  return createHash('sha256').update(text).digest('hex');
}

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis));

async function claimOrWait(
  store: IdempotencyPort,
  scope: IdempotencyScope,
  fingerprint: string,
  facts: Facts,
): Promise<ClaimVerdict> {
  const until = performance.now() + BUSY_WAIT_MS;
  let wait = FIRST_PAUSE_MS;
  for (;;) {
    const verdict = await store.claim(scope, fingerprint, facts);
    if (verdict.verdict !== 'busy' || performance.now() >= until) return verdict;
    await pause(wait);
    wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
  }
}

function replay(reply: FastifyReply, answer: StoredAnswer): void {
  reply.code(answer.status).headers(answer.headers).header('idempotency-replayed', 'true');
  void reply.send(answer.body === '' ? undefined : answer.body);
}

/** Claims the key of a request before anything is decided. Answers a replay itself. */
export async function claimKey(store: IdempotencyPort, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { principal, legacy } = request.edge;
  if (principal === undefined || legacy) return;
  const key = idempotencyKey(request.headers['idempotency-key']);
  if (key === undefined) return;
  const path = request.url.split('?', 1)[0] ?? '';
  const scope = { tenantId: principal.tenantId, actorId: principal.apiKeyId, method: request.method, path, key };
  const verdict = await claimOrWait(store, scope, fingerprintOf(request), factsOf(request));
  switch (verdict.verdict) {
    case 'run':
      request.edge.claim = { scope, token: verdict.token, facts: verdict.facts };
      return;
    case 'replay':
      request.edge.answered = true;
      replay(reply, verdict.answer);
      return;
    case 'conflict':
      throw new CatalogueError(httpErrors.idempotencyConflict);
    case 'busy':
      throw new CatalogueError(httpErrors.idempotencyBusy, { retry_after_s: 1 });
  }
}

/** Headers that belong to one connection or one delivery, not to the answer. */
const NOT_STORED = new Set(['connection', 'keep-alive', 'date', 'transfer-encoding', 'content-length']);

/** The answer that is about to be sent, as it will be replayed. */
export function storedAnswer(reply: FastifyReply, body: string): StoredAnswer {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined && !NOT_STORED.has(name))
      headers[name] = Array.isArray(value) ? value.join(', ') : String(value);
  return { status: reply.statusCode, headers, body };
}
