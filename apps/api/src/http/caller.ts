import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { CatalogueError } from '#domain/kernel/errors.js';
import type { Facts } from '#domain/kernel/decider.js';
import { isTenantId, SYSTEM_TENANT } from '#domain/kernel/streams.js';

import type { CommandContext } from '#infra/commands/command-path.js';
import { newId } from '#infra/commands/ids.js';

import { accessContextOf, actorOf, endpointCalled } from './access.js';
import { endpointOf, traceOf, userAgentOf } from './context.js';
import { httpErrors } from './errors.js';
import type { AccessContext } from './gates.js';
import type { RateClass } from './policy.js';
import type { Principal } from './principal.js';
import { storedHeaders } from './stored-headers.js';

/** Facts for a new decision of this request. */
export function factsOf(request: FastifyRequest): Facts {
  const { principal, requestId } = request.edge;
  return {
    tenantId: principal?.tenantId ?? SYSTEM_TENANT,
    actor: actorOf(principal),
    now: new Date().toISOString(),
    commandId: newId(),
    newId: newId(),
    requestId,
  };
}

/** Who calls, through what, and what a command may know: the context that a controller hands on. */
export class CallerContext {
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;
  #facts: Facts | undefined;

  constructor(request: FastifyRequest, reply: FastifyReply) {
    this.#request = request;
    this.#reply = reply;
  }

  /** The proved caller; public endpoints have none, and asking there is a 401. */
  get principal(): Principal {
    const { principal } = this.#request.edge;
    if (principal === undefined) throw new CatalogueError(httpErrors.unauthorized);
    return principal;
  }

  /** The proved caller of a public endpoint, where there is one. */
  get knownPrincipal(): Principal | undefined {
    return this.#request.edge.principal;
  }

  /** Holds that caller to the gates of a reader, with the scopes of the key, before anything rests on the credential. */
  async restOnCredential(): Promise<void> {
    for (const step of endpointOf(this.#request)?.onCredential ?? []) await step(this.#request, this.#reply);
  }

  get tenantId(): string {
    return this.principal.tenantId;
  }

  /** True for who may change what concerns all tenants. */
  get platformOperator(): boolean {
    return this.principal.platformOperator;
  }

  /** Refuses another tenant's id in an address, unless the caller operates the platform. */
  mayActFor(tenantId: string): void {
    if (tenantId === this.tenantId) return;
    if (!this.platformOperator) throw new CatalogueError(httpErrors.forbidden, { scope: 'tenant' });
    if (!isTenantId(tenantId)) throw new CatalogueError(httpErrors.notFound);
  }

  /** The rate class of the endpoint, as policies see it. */
  get rateClass(): RateClass {
    return endpointOf(this.#request)?.policy.rate ?? 'none';
  }

  get requestId(): string {
    return this.#request.edge.requestId;
  }

  /** The address and the method of the request, as access events show them. */
  get called(): { readonly path: string; readonly method: string } {
    return endpointCalled(this.#request);
  }

  /** Who calls, for the access log. */
  get accessContext(): AccessContext {
    return accessContextOf(this.#request);
  }

  /** False on legacy routes. */
  get versioned(): boolean {
    return !this.#request.edge.legacy;
  }

  get ip(): string {
    return this.#request.ip;
  }

  get userAgent(): string | null {
    return userAgentOf(this.#request);
  }

  /** The trace context to hand on: this request's own span, else the caller's if it is well-formed. */
  get traceparent(): string | null {
    return traceOf(this.#request) ?? null;
  }

  /** The facts of this request's command: the same at every reading, and those of the first try under an Idempotency-Key. */
  get facts(): Facts {
    this.#facts ??= this.#request.edge.claim?.facts ?? factsOf(this.#request);
    return this.#facts;
  }

  /** True when an earlier try of this request, with the same facts, may have taken effect before its process died. */
  get mayRepeat(): boolean {
    return this.#request.edge.claim?.takenOver ?? false;
  }

  /** What the command path stores beside the facts. */
  get context(): CommandContext {
    const recovery = endpointOf(this.#request)?.policy.recovery === true;
    return { traceparent: this.traceparent, ipAddress: this.ip, userAgent: this.userAgent, recovery };
  }

  /** Read models that the endpoint waits for after its command. */
  get waitsFor(): readonly string[] {
    return endpointOf(this.#request)?.policy.waitsFor ?? [];
  }

  /** Whether those are waited for by the next query of the tenant instead. */
  get waitsLater(): boolean {
    return endpointOf(this.#request)?.policy.waitsLater === true;
  }

  /** The log position that the caller has already seen, from another process. */
  get minPosition(): string | undefined {
    const header = this.#request.headers['x-min-position'];
    return typeof header === 'string' && /^[0-9]{1,20}(?::[0-9]{1,20})?$/.test(header) ? header : undefined;
  }

  /** A header of the request, by its name in lower case. */
  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return typeof value === 'string' ? value : value?.[0];
  }

  /** The quota units of this request are used; for endpoints that settle them by themselves. */
  serves(): void {
    this.#request.edge.admitted?.served();
  }

  /** Gives the quota units of this request back: what it asks for was done, and paid for, before. */
  repeats(): void {
    this.#request.edge.admitted?.giveBack();
  }

  /** Answers with another status of success than the endpoint declares, e.g. 200 instead of 202 when nothing was to do. */
  setStatus(status: number): void {
    this.#reply.code(status);
  }

  /** The headers of the answer so far, as they are repeated with it. */
  get answerHeaders(): Readonly<Record<string, string>> {
    return storedHeaders(this.#reply);
  }

  setHeader(name: string, value: string): void {
    this.#reply.header(name, value);
  }
}

/** The caller of this request, as a parameter of a controller's method. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): CallerContext => {
  const http = context.switchToHttp();
  return new CallerContext(http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
});
