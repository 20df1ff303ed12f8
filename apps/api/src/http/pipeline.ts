import type { FastifyRequest } from 'fastify';

import type { AccessEvent } from '#domain/capabilities/access/access.events.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { WriterFenced } from '#infra/event-log/event-log.js';

import { accessContextOf, endpointCalled } from './access.js';
import { quota, rateLimit } from './admission.js';
import { authenticate } from './authentication.js';
import { CallerContext } from './caller.js';
import { endpointOf } from './context.js';
import { httpErrors } from './errors.js';
import type { AccessLog, Admission, Authorizing, Entitlements, WriteGate } from './gates.js';
import { claimKey } from './idempotency.js';
import type { IdempotencyPort } from './idempotency-port.js';
import { bodyOf, queryOf } from './parameters.js';
import { pairOf, rateOfVerb } from './policy.js';
import type { CompiledEndpoint, EndpointPolicy, StepRun } from './policy.js';
import { mayActAs } from './principal.js';
import type { Authenticator } from './principal.js';
import { readMultipart } from './upload.js';
import { parseBody, refuseNul, validated } from './validation.js';

/** What the steps need from outside. An absent gate lets everything through. */
export interface PipelineDeps {
  readonly authenticator: Authenticator;
  /** Absent: Idempotency-Key is ignored. */
  readonly idempotency: IdempotencyPort | undefined;
  readonly access?: AccessLog | undefined;
  readonly admission?: Admission | undefined;
  readonly entitlements?: Entitlements | undefined;
  readonly writeGate?: WriteGate | undefined;
  readonly authorization?: Authorizing | undefined;
  /** The longest file, whatever an endpoint says. */
  readonly maxUploadBytes: number;
}

/** One gate: on which part of a request it looks, and its work for one endpoint (undefined: it does not apply there). */
export interface Step {
  readonly name: string;
  readonly on: 'headers' | 'body';
  readonly build: (policy: EndpointPolicy, deps: PipelineDeps, url: string) => StepRun | undefined;
}

/** An event of a refusal, on record before the answer. */
async function refuse(
  { access }: PipelineDeps,
  request: FastifyRequest,
  event: AccessEvent,
  error: CatalogueError,
): Promise<never> {
  await access?.recorded(event, accessContextOf(request));
  throw error;
}

const once = (error: CatalogueError) => ({ code: error.row.code, count: 1, windowSeconds: 0 });

const TENANT = /^[a-z0-9_]{1,64}$/;

function tenant(policy: EndpointPolicy): StepRun | undefined {
  if (policy.role === 'public') return undefined;
  return (request) => {
    const { principal } = request.edge;
    if (principal === undefined || !TENANT.test(principal.tenantId)) throw new CatalogueError(httpErrors.forbidden);
  };
}

function role(policy: EndpointPolicy, deps: PipelineDeps): StepRun | undefined {
  const { role: required, verb, rate, path } = policy;
  if (required === 'public') return undefined;
  return (request) => {
    const { principal } = request.edge;
    if (principal === undefined) throw new CatalogueError(httpErrors.forbidden);
    const reason = mayActAs(principal.role, required)
      ? deps.authenticator.outOfScope?.(principal, { verb, rate, url: endpointOf(request)?.url ?? path }, request.ip)
      : ('role' as const);
    if (reason === undefined) return undefined;
    const details = reason === 'role' ? { required_role: required } : { scope: reason };
    const error = new CatalogueError(httpErrors.forbidden, details);
    const data = { ...endpointCalled(request), ...once(error), requiredRole: required, reason };
    return refuse(deps, request, { type: 'RoleRefused', data }, error);
  };
}

/** Refuses what would change something while writes are frozen, but for what gets the installation going again. */
function writeGate(policy: EndpointPolicy, { access, writeGate: gate }: PipelineDeps): StepRun | undefined {
  const { rate, verb, role: required, recovery } = policy;
  if (gate === undefined || verb === 'GET' || required === 'public' || recovery === true) return undefined;
  if (rate !== 'mutation' && rate !== 'run') return undefined;
  return (request) => {
    if (!gate.frozen()) return undefined;
    const data = { ...endpointCalled(request), code: httpErrors.writeFrozen.code, count: 1, windowSeconds: 0 };
    access?.record({ type: 'FrozenWriteRefused', data }, accessContextOf(request));
    throw new WriterFenced('frozen');
  };
}

function authorize(policy: EndpointPolicy, { authorization }: PipelineDeps, url: string): StepRun | undefined {
  const pair = pairOf(policy, url);
  if (pair === undefined || authorization === undefined) return undefined;
  const named = url
    .split('/')
    .findLast((part) => part.startsWith(':'))
    ?.slice(1);
  return (request, reply) => {
    const id = named === undefined ? null : ((request.params as Readonly<Record<string, string>>)[named] ?? null);
    return authorization.authorize(pair, new CallerContext(request, reply), { id });
  };
}

function feature(policy: EndpointPolicy, { entitlements, ...deps }: PipelineDeps): StepRun | undefined {
  const key = policy.feature;
  if (key === undefined || entitlements === undefined) return undefined;
  const refused = (request: FastifyRequest): Promise<never> => {
    const error = new CatalogueError(httpErrors.featureNotEnabled, { feature_key: key });
    const data = { ...endpointCalled(request), ...once(error), featureKey: key };
    return refuse(deps, request, { type: 'FeatureRefused', data }, error);
  };
  return (request) => {
    const { principal } = request.edge;
    // A plan is what a tenant bought; who runs the machine bought none.
    if (principal?.authMethod === 'operator') return undefined;
    const found = entitlements.enabled(principal?.tenantId ?? '', key);
    if (found instanceof Promise) return found.then((enabled) => (enabled ? undefined : refused(request)));
    return found ? undefined : refused(request);
  };
}

function refuseTenantId(body: unknown): void {
  if (typeof body === 'object' && body !== null && Object.hasOwn(body, 'tenant_id'))
    throw new CatalogueError(httpErrors.tenantIdNotAllowed);
}

function takesMultipart(request: FastifyRequest): boolean {
  return request.headers['content-type']?.toLowerCase().startsWith('multipart/form-data') === true;
}

function contentType(policy: EndpointPolicy): StepRun | undefined {
  if (policy.upload !== undefined || policy.verb === 'GET') return undefined;
  return (request) => {
    if (takesMultipart(request)) throw new CatalogueError(httpErrors.unsupportedMediaType);
  };
}

function validateQuery(policy: EndpointPolicy): StepRun {
  const query = queryOf(policy);
  return (request) => {
    if (request.params !== null) refuseNul(request.params as object, 'path');
    refuseNul(request.query as object, 'query');
    if (query !== undefined) request.query = validated(query, request.query, 'query');
  };
}

function validateBody(policy: EndpointPolicy, { maxUploadBytes }: PipelineDeps): StepRun | undefined {
  const dto = bodyOf(policy);
  const { upload } = policy;
  if (dto === undefined && upload === undefined) return undefined;
  const json: StepRun = (request) => {
    const bytes = request.body;
    const parsed = Buffer.isBuffer(bytes) && bytes.length > 0 ? parseBody(bytes) : {};
    if (policy.refusesTenantId === true) refuseTenantId(parsed);
    request.body = dto === undefined ? parsed : validated(dto, parsed, 'body');
  };
  if (upload === undefined) return json;
  const maxBytes = Math.min(upload.maxBytes, maxUploadBytes);
  return async (request, reply) => {
    if (!takesMultipart(request)) return json(request, reply);
    const { fields, file } = await readMultipart(request, maxBytes);
    refuseNul({ ...fields, ...(file === undefined ? {} : { file: file.filename }) }, 'body');
    request.edge.upload = file;
    if (policy.refusesTenantId === true) refuseTenantId(fields);
    request.body = dto === undefined ? fields : validated(dto, fields, 'form');
  };
}

function idempotency(policy: EndpointPolicy, deps: PipelineDeps): StepRun | undefined {
  const store = deps.idempotency;
  if (store === undefined || !policy.idempotent) return undefined;
  const inBody = (request: FastifyRequest): string | undefined =>
    policy.keyInBody === undefined ? undefined : (request.body as Record<string, string | undefined>)[policy.keyInBody];
  return (request, reply) => {
    const key = inBody(request) ?? request.headers['idempotency-key'];
    return key === undefined ? undefined : claimKey(store, request, reply, key);
  };
}

/**
 * The one order of gates. The request id is given, and a legacy address resolved, before the first of them. Behind the write
 * gate stands the log's own: an append under a freeze, or of an older epoch, is refused with WRITE_FROZEN too.
 */
export const pipeline: readonly Step[] = [
  /* 1 */ { name: 'authenticate', on: 'headers', build: authenticate },
  /* 2 */ { name: 'tenant', on: 'headers', build: tenant },
  /* 3 */ { name: 'rate limit', on: 'headers', build: rateLimit },
  /* 4 */ { name: 'role', on: 'headers', build: role },
  /* 5 */ { name: 'write gate', on: 'headers', build: writeGate },
  /* 6 */ { name: 'authorization', on: 'headers', build: authorize },
  /* 7 */ { name: 'feature', on: 'headers', build: feature },
  /* 8 */ { name: 'quota', on: 'headers', build: quota },
  /* 9 */ { name: 'content type', on: 'headers', build: contentType },
  /* 10 */ { name: 'validate path and query', on: 'body', build: validateQuery },
  /* 11 */ { name: 'validate body', on: 'body', build: validateBody },
  /* 12 */ { name: 'idempotency', on: 'body', build: idempotency },
];

/** What a credential is held to that a public endpoint can do without: the gates of a reader, as if the endpoint asked for one. */
function stepsOnCredential(policy: EndpointPolicy, deps: PipelineDeps): StepRun[] {
  if (policy.credential !== 'optional') return [];
  const held: EndpointPolicy = { ...policy, role: 'reader', rate: rateOfVerb(policy.verb) };
  return [tenant(held), role(held, deps)].flatMap((step) => step ?? []);
}

/** The steps that apply to one endpoint, built once when its route is registered. */
export function compileEndpoint(policy: EndpointPolicy, url: string, deps: PipelineDeps): CompiledEndpoint {
  const stepsOn = (part: Step['on']): StepRun[] =>
    pipeline.flatMap((step) => (step.on === part ? (step.build(policy, deps, url) ?? []) : []));
  const onCredential = stepsOnCredential(policy, deps);
  return { policy, url, onHeaders: stepsOn('headers'), onBody: stepsOn('body'), onCredential };
}
