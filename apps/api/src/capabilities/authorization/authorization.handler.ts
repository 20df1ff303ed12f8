import {
  authorizationErrors,
  authzPolicies,
  POLICY_STREAM_ID,
  policyIn,
  type PolicyCommand,
  type PolicyRules,
} from '#domain/capabilities/authorization/authorization.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import type { Commands } from '#api/commands/commands.js';
import type { CallerContext } from '#api/http/caller.js';
import type { NewPolicyQuery, NewPolicyRequest, PatchPolicyRequest, PolicyView } from './authorization.contract.js';
import type { PolicyQueries } from './authorization.queries.js';

/** Makes and changes policies: a tenant's by its admins, those that concern all tenants by platform operators. */
export class PolicyAdministration {
  constructor(
    private readonly commands: Commands,
    private readonly queries: PolicyQueries,
    private readonly rules: PolicyRules,
  ) {}

  async create({ scope }: NewPolicyQuery, body: NewPolicyRequest, caller: CallerContext): Promise<PolicyView> {
    if (scope === 'global') caller.mayActFor(SYSTEM_TENANT);
    const owner = scope === 'global' ? SYSTEM_TENANT : caller.tenantId;
    const { name, effect, resource_type: resourceType, action, priority, enabled } = body;
    const said = { name, effect, resourceType, action, condition: body.condition_json ?? null, priority, enabled };
    const data = { ...said, createdBy: caller.principal.subjectId, rules: this.rules };
    return this.run(owner, caller.facts.newId, { type: 'CreatePolicy', data }, caller);
  }

  async update(policyId: string, body: PatchPolicyRequest, caller: CallerContext): Promise<PolicyView> {
    const { name, effect, resource_type: resourceType, action, condition_json: condition, priority, enabled } = body;
    const said = { name, effect, resourceType, action, condition, priority, enabled };
    const changes = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
    const command = { type: 'UpdatePolicy', data: { policyId, changes, rules: this.rules } } as const;
    return this.run(await this.ownerOf(policyId, caller), policyId, command, caller);
  }

  async switch(policyId: string, enabled: boolean, caller: CallerContext): Promise<PolicyView> {
    const command = { type: 'SwitchPolicy', data: { policyId, enabled } } as const;
    return this.run(await this.ownerOf(policyId, caller), policyId, command, caller);
  }

  async remove(policyId: string, caller: CallerContext): Promise<void> {
    const owner = await this.ownerOf(policyId, caller);
    const command = { type: 'DeletePolicy', data: { policyId } } as const;
    await this.commands.runFor(owner, authzPolicies, POLICY_STREAM_ID, command, caller);
  }

  /** Whose policy an id is; one that is not the caller's to change is not there. */
  async ownerOf(policyId: string, caller: CallerContext): Promise<string> {
    const own = await this.commands.load(authzPolicies, POLICY_STREAM_ID, caller);
    if (policyIn(own, policyId) !== undefined || !caller.platformOperator) return caller.tenantId;
    const global = await this.commands.loadFor(SYSTEM_TENANT, authzPolicies, POLICY_STREAM_ID);
    return policyIn(global, policyId) === undefined ? caller.tenantId : SYSTEM_TENANT;
  }

  private async run(owner: string, policyId: string, command: PolicyCommand, caller: CallerContext) {
    const { state } = await this.commands.runFor(owner, authzPolicies, POLICY_STREAM_ID, command, caller);
    const policy = policyIn(state, policyId);
    if (policy === undefined) throw new CatalogueError(authorizationErrors.policyNotFound);
    return this.queries.written(owner, policy, caller);
  }
}
