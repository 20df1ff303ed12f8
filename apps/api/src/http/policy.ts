import type { Type } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import type { ViewType } from '#domain/capabilities/access/access.events.js';
import type { EndpointPair } from '#domain/capabilities/authorization/pairs.ports.js';
import type { FeatureKey } from '#domain/capabilities/plans/features.events.js';
import type { ErrorRow } from '#domain/kernel/errors.js';

import type { Role } from './principal.js';

export type Verb = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type RateClass = 'run' | 'mutation' | 'read' | 'ops' | 'none';

/** What an endpoint answers with: one view, a list of views, or nothing that is declared. */
export type Returns = Type<object> | readonly [Type<object>] | undefined;

/** Everything that a caller, a guard, an auditor and the docs need to know of one endpoint. */
export interface EndpointOptions<R extends Returns = Returns> {
  /** An imperative sentence without a full stop, e.g. `Release a legal hold`. */
  readonly does: string;
  /** The least role; `public` needs no credential. */
  readonly role: Role | 'public';
  /** A public endpoint that also takes a credential: one that is sent must be good. Its handler holds to a reader's gates what it rests on. */
  readonly credential?: 'optional';
  /** Follows the verb by default: GET is `read`, the rest `mutation`; public endpoints have none. */
  readonly rate?: RateClass;
  /** The audit type that the command's event carries. */
  readonly audit?: string;
  /** The plan feature that the tenant must have. */
  readonly feature?: FeatureKey;
  /**
   * Free of quota and of the write gate, so that a caller can always recover: quotas, plans, keys, kill switches, operator
   * actions. What their commands decide is stored under a write freeze too.
   */
  readonly recovery?: boolean;
  /**
   * What policies are asked for before the handler, where the resource is the endpoint itself; follows from the feature, the
   * address and the role by default. `nothing`: the handler asks for each resource, or policies must not lock anybody out.
   */
  readonly authorizes?: EndpointPair | 'nothing';
  /** The access event that a successful read of this endpoint is recorded as, in the background. */
  readonly view?: ViewType;
  readonly returns?: R;
  readonly refuses?: readonly ErrorRow[];
  /** 200 by default, 204 for a DELETE that returns nothing. */
  readonly status?: number;
  /** Other statuses of success that the handler may set, e.g. 200 beside 202 when nothing was to do. */
  readonly also?: readonly number[];
  /** Read models that must have passed the appended events before the answer is given. */
  readonly waitsFor?: readonly string[];
  /** Those are waited for before the tenant's next query of them instead: for what many hand in one after the other. */
  readonly waitsLater?: boolean;
  /** The handler says by itself, by `serves` or `repeats`, whether the request's quota units are used. */
  readonly settlesUnits?: boolean;
  /** Whether an Idempotency-Key is honoured; by default on everything but GET, public endpoints and streams. */
  readonly idempotent?: boolean;
  /** The field of the body that may hold the idempotency key; it goes before the header. */
  readonly keyInBody?: string;
  /** Refuses a top-level `tenant_id` in a JSON body with 400 instead of 422. */
  readonly refusesTenantId?: boolean;
  /** Bare answers under /v1 too: probes, metrics, files, foreign protocols. */
  readonly bare?: boolean;
  /** The media types of a bare answer that is no JSON, the first by default; beside JSON where `returns` is given too. */
  readonly produces?: readonly string[];
  /** Headers of the catalogue that only this endpoint's answers have. */
  readonly sends?: readonly ('Repr-Digest' | 'X-Usage-Positions')[];
  /** The answer is a server-sent event stream; where `returns` is given too, a request may ask for that instead. */
  readonly stream?: boolean;
  /** The form of its refusals, also of those of the gates; ours by default. */
  readonly errors?: 'openai';
  /** False: there is no alias without /v1. */
  readonly legacy?: boolean;
  /** The longest JSON body, where it is more than other endpoints take; MAX_UPLOAD_BYTES caps it. */
  readonly maxBodyBytes?: number;
  /** Takes multipart/form-data with one file of at most this many bytes; `optional`: or JSON without one. */
  readonly upload?: { readonly maxBytes: number; readonly optional?: true };
  /** Left out of OpenAPI. */
  readonly hidden?: boolean;
  /** Override what the `@Body()` and `@Query()` parameters say. */
  readonly body?: Type<object>;
  readonly query?: Type<object>;
}

/** An endpoint as declared on a controller's method, before its full path is known. */
export interface EndpointPolicy extends EndpointOptions {
  readonly verb: Verb;
  readonly path: string;
  readonly controller: Type<object>;
  readonly method: string;
  readonly status: number;
  readonly rate: RateClass;
  readonly idempotent: boolean;
}

/** One step of the pipeline for one endpoint. It throws to refuse, and may answer by itself. */
export type StepRun = (request: FastifyRequest, reply: FastifyReply) => void | Promise<void>;

/** An endpoint at its full address, with the steps that apply to it. */
export interface CompiledEndpoint {
  readonly policy: EndpointPolicy;
  /** The route pattern, e.g. `/v1/corpora/:id`. */
  readonly url: string;
  /** Run before the body is read. */
  readonly onHeaders: readonly StepRun[];
  /** Run when the body is there. */
  readonly onBody: readonly StepRun[];
  /** Run when the handler of a public endpoint rests on a credential. */
  readonly onCredential: readonly StepRun[];
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** As declared; the adapter compiles it when the route is registered. */
    policy?: EndpointPolicy;
    endpoint?: CompiledEndpoint;
  }
}

const METADATA = Symbol('endpoint policy');

export function setPolicy(handler: object, policy: EndpointPolicy): void {
  Reflect.defineMetadata(METADATA, policy, handler);
}

export function policyOf(handler: object): EndpointPolicy | undefined {
  return Reflect.getMetadata(METADATA, handler) as EndpointPolicy | undefined;
}

export function rateOfVerb(verb: Verb): RateClass {
  return verb === 'GET' ? 'read' : 'mutation';
}

/** Fills in what follows from the verb and the role. */
export function resolvePolicy(
  verb: Verb,
  path: string,
  options: EndpointOptions,
  at: { controller: Type<object>; method: string },
): EndpointPolicy {
  const writes = verb !== 'GET' && options.role !== 'public';
  return {
    ...options,
    ...at,
    verb,
    path,
    status: options.status ?? (verb === 'DELETE' && options.returns === undefined ? 204 : 200),
    rate: options.rate ?? (options.role === 'public' ? 'none' : rateOfVerb(verb)),
    idempotent: options.idempotent ?? (writes && options.stream !== true),
  };
}

const OPERATED = /^\/v1\/(?:ops|admin\/(?:system|maintenance|retention|rollouts))(?:\/|$)/;

/** The pair that a policy must allow before the handler of an endpoint is reached; undefined: none. */
export function pairOf(policy: EndpointPolicy, url: string): EndpointPair | undefined {
  const { authorizes, role, feature, verb } = policy;
  if (authorizes !== undefined) return authorizes === 'nothing' ? undefined : authorizes;
  if (role !== 'admin') return undefined;
  if (feature === 'feature.audit_access') return 'audit.read';
  const action = verb === 'GET' ? 'read' : 'manage';
  return OPERATED.test(url) ? `ops.${action}` : `admin.${action}`;
}

/** Whether an endpoint looks at the Idempotency-Key: mutations through their claim, runs by replaying their frames. */
export function takesIdempotencyKey({ idempotent, stream, verb }: EndpointPolicy): boolean {
  return idempotent || (stream === true && verb === 'POST');
}
