import { defineDecider, type Decision, type Facts } from '../../kernel/decider.js';
import { defineErrors, isRefusal, refuse, type Refusal } from '../../kernel/errors.js';
import type { Json } from '../../kernel/schema.js';
import type { PolicyEvent } from './authorization.events.js';
import { ConditionProblem, parseCondition, variablesIn, type ConditionLimits } from './condition.ports.js';
import { namesIn, pairsOf, unknownOf } from './pairs.ports.js';
import { isEqual } from './condition-values.ports.js';
import { MOST_WEIGHT, weightsOf } from './policy-weight.ports.js';
import { globalSeeds, tenantSeeds, type Seed } from './seeds.ports.js';

export const authorizationErrors = defineErrors('authorization', {
  permissionRequired: ['forbidden', 'AUTHZ_DENIED', 'Document permission required'],
  deniedByPolicy: ['forbidden', 'AUTHZ_DENIED', 'Access denied by policy'],
  policyNotFound: ['not_found', 'NOT_FOUND', 'There is no such policy'],
  documentNotFound: ['not_found', 'NOT_FOUND', 'Document not found'],
  permissionNotFound: ['not_found', 'AUTHZ_PERMISSION_NOT_FOUND', 'The document has no such permission'],
  policyInvalid: ['validation', 'AUTHZ_POLICY_INVALID', 'The policy is not valid'],
  policyTooComplex: [
    'validation',
    'AUTHZ_POLICY_TOO_COMPLEX',
    'The condition of the policy is too large or too deep, alone or with those that are there',
  ],
  tooManyPolicies: ['conflict', 'AUTHZ_POLICY_LIMIT_REACHED', 'The tenant has as many policies as it may have'],
  expiryInPast: ['validation', 'VALIDATION_ERROR', 'The expiry must be in the future'],
  tooManyPermissions: [
    'conflict',
    'AUTHZ_PERMISSION_LIMIT_REACHED',
    'The document has as many permissions as it may have',
  ],
  simulationInvalid: ['bad_request', 'AUTHZ_SIMULATION_INVALID', 'This cannot be simulated'],
  simulationDisabled: ['forbidden', 'AUTHZ_DENIED', 'Simulations are switched off'],
});

/** What is told to whom a document is kept from. */
export const documentDenials = [authorizationErrors.permissionRequired, authorizationErrors.deniedByPolicy] as const;

export interface PolicyRules extends ConditionLimits {
  /** Whether a policy may be about any action on any resource. */
  readonly allowWildcards: boolean;
}

/** What a policy says. */
export interface PolicyText {
  readonly name: string;
  readonly effect: 'allow' | 'deny';
  readonly resourceType: string;
  readonly action: string;
  readonly condition: Json;
  readonly priority: number;
  readonly enabled: boolean;
}

export interface CreatePolicy {
  readonly type: 'CreatePolicy';
  readonly data: PolicyText & { readonly createdBy: string | null; readonly rules: PolicyRules };
}

/** Absent is unchanged. */
export interface UpdatePolicy {
  readonly type: 'UpdatePolicy';
  readonly data: { readonly policyId: string; readonly changes: Partial<PolicyText>; readonly rules: PolicyRules };
}

export interface SwitchPolicy {
  readonly type: 'SwitchPolicy';
  readonly data: { readonly policyId: string; readonly enabled: boolean };
}

export interface DeletePolicy {
  readonly type: 'DeletePolicy';
  readonly data: { readonly policyId: string };
}

/** The policies that a tenant, or the platform, begins with. Made once: what was deleted does not come back. */
export interface SeedPolicies {
  readonly type: 'SeedPolicies';
  readonly data: { readonly of: 'tenant' | 'platform' };
}

export type PolicyCommand = CreatePolicy | UpdatePolicy | SwitchPolicy | DeletePolicy | SeedPolicies;

export interface PolicyState extends PolicyText {
  readonly policyId: string;
  readonly version: number;
  readonly createdBy: string | null;
}

export interface PoliciesState {
  readonly policies: Readonly<Record<string, PolicyState>>;
  /** Ids of the seeds that were ever made. */
  readonly seeded: readonly string[];
}

/** The id of a tenant's one policy stream; `_system` has that of all tenants. */
export const POLICY_STREAM_ID = 'all';

export const MOST_POLICIES = 500;

export const authzPolicies = defineDecider<PolicyCommand, PolicyEvent, PoliciesState>({
  category: 'authzPolicies',
  initial: { policies: {}, seeded: [] },
  decide: (command, state, facts) => {
    const decision = decided(command, state, facts);
    return isRefusal(decision) ? decision : (tooLarge(state, decision.reduce(evolve, state)) ?? decision);
  },
  evolve,
});

function decided(command: PolicyCommand, state: PoliciesState, facts: Facts): Decision<PolicyEvent> {
  switch (command.type) {
    case 'CreatePolicy':
      return create(command, state, facts);
    case 'SeedPolicies':
      return seed(command.data.of === 'tenant' ? tenantSeeds : globalSeeds, state);
    case 'UpdatePolicy':
    case 'SwitchPolicy':
    case 'DeletePolicy': {
      const policy = policyIn(state, command.data.policyId);
      return policy === undefined ? refuse(authorizationErrors.policyNotFound) : change(command, policy);
    }
  }
}

/** Lists and searches carry what policies say: what gets larger stays within what a query holds. */
function tooLarge(before: PoliciesState, after: PoliciesState): Refusal | undefined {
  const known = weightsOf(Object.values(before.policies));
  for (const [pair, weight] of weightsOf(Object.values(after.policies)))
    if (weight > MOST_WEIGHT && weight > (known.get(pair) ?? 0))
      return refuse(authorizationErrors.policyTooComplex, {
        reason: `all policies on ${pair} together are too large for a list or a search`,
      });
  return undefined;
}

function evolve(state: PoliciesState, event: PolicyEvent): PoliciesState {
  const { policyId } = event.data;
  if (event.type === 'AuthzPolicyCreated') {
    const { seeded, ...said } = event.data;
    const policies = { ...state.policies, [policyId]: { ...said, version: 1 } };
    return { policies, seeded: seeded ? [...new Set([...state.seeded, policyId])] : state.seeded };
  }
  const policy = policyIn(state, policyId);
  if (policy === undefined) return state;
  const others = Object.entries(state.policies).filter(([id]) => id !== policyId);
  if (event.type === 'AuthzPolicyDeleted') return { ...state, policies: Object.fromEntries(others) };
  return { ...state, policies: { ...state.policies, [policyId]: changed(policy, event) } };
}

type Changed = Exclude<PolicyEvent, { type: 'AuthzPolicyCreated' | 'AuthzPolicyDeleted' }>;

function changed(policy: PolicyState, event: Changed): PolicyState {
  switch (event.type) {
    case 'AuthzPolicyUpdated': {
      const { policyVersion: version, ...said } = event.data;
      return { ...policy, ...said, version };
    }
    case 'AuthzPolicyEnabled':
      return { ...policy, enabled: true };
    case 'AuthzPolicyDisabled':
      return { ...policy, enabled: false };
  }
}

export function policyIn(state: PoliciesState, policyId: string): PolicyState | undefined {
  return Object.hasOwn(state.policies, policyId) ? state.policies[policyId] : undefined;
}

/** Why a policy may not stand; undefined when it may. */
export function policyProblem(text: PolicyText, rules: PolicyRules): Refusal | undefined {
  const { resourceType, action, condition } = text;
  if (resourceType === '*' && action === '*' && !rules.allowWildcards)
    return invalid('resource_type and action are not both *');
  const pairs = pairsOf(resourceType, action);
  if (pairs.length === 0) return invalid(`nobody asks for ${action} on ${resourceType}`);
  const parsed = parseCondition(condition, rules);
  if (!(parsed instanceof ConditionProblem)) {
    const unknown = unknownOf(variablesIn(parsed), pairs);
    const names = namesIn(pairs).map((name) => `resource.${name}`);
    return unknown === undefined
      ? undefined
      : invalid(`${action} on ${resourceType} knows no ${unknown}, but ${names.join(', ')}`);
  }
  if (parsed.kind === 'invalid') return invalid(parsed.reason);
  return refuse(authorizationErrors.policyTooComplex, { reason: parsed.reason });
}

const invalid = (reason: string): Refusal => refuse(authorizationErrors.policyInvalid, { reason });

function create({ data }: CreatePolicy, state: PoliciesState, { newId }: Facts): Decision<PolicyEvent> {
  const { rules, ...said } = data;
  const problem = policyProblem(said, rules);
  if (problem !== undefined) return problem;
  if (Object.keys(state.policies).length >= MOST_POLICIES)
    return refuse(authorizationErrors.tooManyPolicies, { most: MOST_POLICIES });
  return [{ type: 'AuthzPolicyCreated', data: { policyId: newId, ...said, seeded: false } }];
}

function seed(seeds: readonly Seed[], state: PoliciesState): Decision<PolicyEvent> {
  return seeds
    .filter(({ policyId }) => !state.seeded.includes(policyId))
    .map((text) => ({ type: 'AuthzPolicyCreated', data: { ...text, createdBy: null, seeded: true } }));
}

function change(command: UpdatePolicy | SwitchPolicy | DeletePolicy, policy: PolicyState): Decision<PolicyEvent> {
  const { policyId } = policy;
  switch (command.type) {
    case 'UpdatePolicy':
      return update(command, policy);
    case 'SwitchPolicy':
      if (command.data.enabled === policy.enabled) return [];
      return [{ type: command.data.enabled ? 'AuthzPolicyEnabled' : 'AuthzPolicyDisabled', data: { policyId } }];
    case 'DeletePolicy':
      return [{ type: 'AuthzPolicyDeleted', data: { policyId } }];
  }
}

function update({ data: { changes, rules } }: UpdatePolicy, policy: PolicyState): Decision<PolicyEvent> {
  const { policyId, version, createdBy: _, ...before } = policy;
  const after: PolicyText = { ...before, ...changes };
  const problem = policyProblem(after, rules);
  if (problem !== undefined) return problem;
  if (isEqual({ ...before }, { ...after })) return [];
  return [{ type: 'AuthzPolicyUpdated', data: { policyId, ...after, policyVersion: version + 1 } }];
}
