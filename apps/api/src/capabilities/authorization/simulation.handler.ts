import { authorizationErrors } from '#domain/capabilities/authorization/authorization.decider.js';
import { grantsOf, type PolicyRow } from '#domain/capabilities/authorization/authorization.projection.js';
import type { Facts } from '#domain/capabilities/authorization/condition-closures.ports.js';
import { leastRole, pairsOf, type Pair } from '#domain/capabilities/authorization/pairs.ports.js';
import {
  grantFor,
  sufficient,
  type Grantee,
  type Guarded,
} from '#domain/capabilities/authorization/permissions.ports.js';
import {
  decide,
  PolicySet,
  traceOf,
  type Reason,
  type Verdict,
} from '#domain/capabilities/authorization/policies.ports.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Json, JsonObject } from '#domain/kernel/schema.js';
import type { AuthorizationSettings } from '#api/commands/authorization.js';
import { policyOf } from '#api/commands/policy-sets.js';
import { factsOf } from '#api/commands/principal-facts.js';
import type { ShownDocuments } from '#api/commands/shown-documents.js';
import type { CallerContext } from '#api/http/caller.js';
import type { AccessLog } from '#api/http/gates.js';
import { isRole, mayActAs } from '#api/http/principal.js';
import type { EvaluationRequest, EvaluationView, SimulationRequest, SimulationView } from './authorization.contract.js';
import type { PolicyQueries } from './authorization.queries.js';
import type { NamedResource, NamedResources } from './named-resources.queries.js';

type Plain<T> = { readonly [K in keyof T]: T[K] };

export interface SimulationParts {
  readonly queries: PolicyQueries;
  readonly shown: ShownDocuments;
  readonly resources: NamedResources;
  readonly access: Pick<AccessLog, 'record'>;
  readonly planOf: (tenantId: string) => string;
  readonly settings: AuthorizationSettings;
  /** Whether policies can be simulated. */
  readonly simulates: boolean;
}

/** Tells what policies would say, and why; changes nothing. */
export class Simulation {
  constructor(private readonly parts: SimulationParts) {}

  /** As if the policy were enabled. */
  async simulate(policyId: string, body: SimulationRequest, caller: CallerContext): Promise<SimulationView> {
    if (!this.parts.simulates) throw new CatalogueError(authorizationErrors.simulationDisabled);
    const rows = await this.parts.queries.all(caller.tenantId);
    const mine = ({ id, tenant_id }: PolicyRow): boolean =>
      id === policyId && (tenant_id === caller.tenantId || caller.platformOperator);
    if (!rows.some(mine)) throw new CatalogueError(authorizationErrors.policyNotFound);
    const pair = pairIn(body);
    const facts = this.facts(body, caller, asNamed(pair, objectOf(body.resource)));
    const set = new PolicySet(rows.map((row) => (mine(row) ? { ...policyOf(row), enabled: true } : policyOf(row))));
    // Somebody of whom no role is told is held against policies alone.
    const lacking = roleIn(facts) !== undefined && lacksRole(pair, facts);
    const view = { ...this.view(set, pair, facts), ...(lacking ? deniedBy('role_required') : {}) };
    const { allowed, reason } = view;
    const data = { ...caller.called, policyId, allowed, reason };
    this.parts.access.record({ type: 'PolicySimulated', data }, caller.accessContext);
    return view;
  }

  /** What somebody may do on a resource as things are: by role first, then by permissions, then by policies. */
  async evaluate(body: EvaluationRequest, caller: CallerContext): Promise<EvaluationView> {
    const pair = pairIn(body);
    const rows = await this.parts.queries.all(caller.tenantId);
    const { document, resource, also = [] } = await this.named(pair, body, caller);
    const facts = this.facts(body, caller, resource);
    const set = new PolicySet(rows.map(policyOf));
    const views = also.map((other) => this.view(set, pair, this.facts(body, caller, other)));
    const said = [this.view(set, pair, facts), ...views].reduce((one, other) => (one.allowed ? other : one));
    const permission = await this.permission(document, body.action, facts, caller);
    const unpermitted = permission.permission_required && permission.permission_id === null;
    const result: EvaluationView = {
      ...said,
      ...permission,
      ...(unpermitted ? deniedBy('document_acl_denied') : {}),
      ...(lacksRole(pair, facts) ? deniedBy('role_required') : {}),
    };
    this.record(body, result, caller);
    return result;
  }

  private facts(body: SimulationRequest, caller: CallerContext, resource: JsonObject): Facts {
    const { tenantId } = caller;
    const plan = this.parts.planOf(tenantId);
    const own = factsOf(caller, plan);
    const principal = body.principal === undefined ? own['principal'] : objectOf(body.principal);
    for (const given of [principal as JsonObject, resource])
      if (Object.hasOwn(given, 'tenant_id') && given['tenant_id'] !== tenantId) throw invalid('another tenant');
    return {
      principal: { plan, ...(principal as JsonObject), tenant_id: tenantId },
      resource: { ...resource, tenant_id: tenantId },
      request: { time: new Date().toISOString(), ...objectOf(body.request) },
      context: objectOf(body.context),
    };
  }

  private view(set: PolicySet, pair: Pair, facts: Facts): Plain<SimulationView> {
    const policies = set.of(pair);
    const trace = traceOf(policies, facts);
    const { allowed, reason, policyId } = this.verdict(decide(policies, facts, this.parts.settings.defaultDeny));
    return {
      allowed,
      reason,
      required_role: leastRole[pair],
      matched_policy_id: policyId,
      matched_policies: trace.filter(({ matched }) => matched).map(({ policyId: id }) => id),
      trace: trace.map(({ policyId: id, ...line }) => ({ policy_id: id, ...line })),
    };
  }

  private verdict(verdict: Verdict): Verdict {
    return this.parts.settings.abac ? verdict : { allowed: true, reason: 'abac_disabled', policyId: null };
  }

  private async named(pair: Pair, body: EvaluationRequest, caller: CallerContext): Promise<NamedResource> {
    const imagined = objectOf(body.resource);
    if (body.resource_id === undefined) return { resource: asNamed(pair, imagined) };
    const found = await this.parts.resources.find(pair, body.resource_id, caller);
    return { ...found, resource: { ...imagined, ...found.resource } };
  }

  private async permission(uid: string | undefined, action: string, { principal }: Facts, caller: CallerContext) {
    const grantee = granteeIn(principal);
    const guarded = uid !== undefined && Object.hasOwn(sufficient, action);
    if (!guarded || (this.parts.settings.adminBypass && grantee.role === 'admin'))
      return { permission_required: false, permission_id: null };
    const acl = await this.parts.shown.aclOf(uid, caller);
    const grants = acl === undefined ? [] : grantsOf(acl);
    const found = grantFor(grants, action as Guarded, grantee, new Date().toISOString());
    return { permission_required: true, permission_id: found?.permissionId ?? null };
  }

  private record(body: EvaluationRequest, result: EvaluationView, caller: CallerContext): void {
    const { resource_type: resourceType, action, resource_id: resourceId = null } = body;
    const { allowed, reason, matched_policy_id: policyId } = result;
    const data = { ...caller.called, resourceType, resourceId, action, allowed, reason, policyId };
    this.parts.access.record({ type: 'PolicyEvaluated', data }, caller.accessContext);
  }
}

/** Whom grants are held against, of a principal as somebody imagines it. */
function granteeIn(principal: Json | undefined): Grantee {
  const { id, role, groups, api_key_id: key } = principal as Readonly<Record<string, Json | undefined>>;
  const text = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
  const names = Array.isArray(groups) ? (groups as readonly Json[]).flatMap((name) => text(name) ?? []) : [];
  return { subjectId: text(id) ?? '', role: text(role) ?? '', apiKeyId: text(key), groups: names };
}

function pairIn({ resource_type, action }: SimulationRequest): Pair {
  const [pair, ...more] = pairsOf(resource_type, action);
  if (pair === undefined || more.length > 0 || resource_type === '*' || action === '*')
    throw invalid('there is no such action on such a resource');
  return pair;
}

/** A corpus that is told by one of its names has both. */
function asNamed(pair: Pair, resource: JsonObject): JsonObject {
  if (!pair.startsWith('corpus.')) return resource;
  const { id, corpus_id } = resource;
  const name = id ?? corpus_id ?? null;
  return { ...resource, id: name, corpus_id: name };
}

function roleIn({ principal }: Facts): Json | undefined {
  return (principal as JsonObject)['role'];
}

/** Roles are asked for before anything else; who has none may do nothing. */
function lacksRole(pair: Pair, facts: Facts): boolean {
  const role = roleIn(facts);
  return typeof role !== 'string' || !isRole(role) || !mayActAs(role, leastRole[pair]);
}

function deniedBy(reason: Reason) {
  return { allowed: false, reason, matched_policy_id: null };
}

function invalid(reason: string): CatalogueError {
  return new CatalogueError(authorizationErrors.simulationInvalid, { reason });
}

const objectOf = (given: object | undefined): JsonObject => (given ?? {}) as JsonObject;
