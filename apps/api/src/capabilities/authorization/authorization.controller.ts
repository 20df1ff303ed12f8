import { Body, Controller, Param, Query } from '@nestjs/common';
import { authorizationErrors } from '#domain/capabilities/authorization/authorization.decider.js';
import { documentAclRows, policyRows } from '#domain/capabilities/authorization/authorization.projection.js';
import { runErrors } from '#domain/capabilities/runs/runs.decider.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { PageQuery } from '#api/http/paging.js';
import {
  EvaluationRequest,
  EvaluationView,
  NewPolicyQuery,
  NewPolicyRequest,
  PatchPolicyRequest,
  PolicyListQuery,
  PolicyListView,
  PolicyView,
  SimulationRequest,
  SimulationView,
} from './authorization.contract.js';
import { PolicyAdministration } from './authorization.handler.js';
import { PolicyQueries } from './authorization.queries.js';
import { BulkGrantRequest, GrantRequest, PermissionListView, PermissionView } from './permissions.contract.js';
import { DocumentPermissions } from './permissions.handler.js';
import { Simulation } from './simulation.handler.js';

const ofPolicy = [authorizationErrors.policyNotFound];
const said = [authorizationErrors.policyInvalid, authorizationErrors.policyTooComplex];
const ofDocument = [authorizationErrors.documentNotFound, authorizationErrors.deniedByPolicy];
/** No policy may lock out who can mend it; on permissions each document is asked for. */
const admin = { role: 'admin', authorizes: 'nothing' } as const;
const policies = { ...admin, waitsFor: [policyRows.table] } as const;
const permissions = { ...admin, waitsFor: [documentAclRows.table] } as const;

/** Policies of access, permissions on documents, and why somebody may or may not. */
@Controller('admin/authz')
export class AuthorizationController {
  constructor(
    private readonly administration: PolicyAdministration,
    private readonly queries: PolicyQueries,
    private readonly simulation: Simulation,
    private readonly permissions: DocumentPermissions,
  ) {}

  @Endpoint('GET /policies', { does: 'List policies, by priority', ...admin, returns: PolicyListView })
  list(@Query() query: PolicyListQuery, @Caller() caller: CallerContext): Promise<PolicyListView> {
    return this.queries.list(query, caller);
  }

  @Endpoint('POST /policies', {
    does: 'Create a policy',
    ...policies,
    status: 201,
    audit: 'authz.policy.created',
    returns: PolicyView,
    refuses: [...said, authorizationErrors.tooManyPolicies],
  })
  create(
    @Query() query: NewPolicyQuery,
    @Body() body: NewPolicyRequest,
    @Caller() caller: CallerContext,
  ): Promise<PolicyView> {
    return this.administration.create(query, body, caller);
  }

  @Endpoint('PATCH /policies/:policyId', {
    does: 'Change what a policy says',
    ...policies,
    audit: 'authz.policy.updated',
    returns: PolicyView,
    refuses: [...ofPolicy, ...said],
  })
  update(
    @Param('policyId') policyId: string,
    @Body() body: PatchPolicyRequest,
    @Caller() caller: CallerContext,
  ): Promise<PolicyView> {
    return this.administration.update(policyId, body, caller);
  }

  @Endpoint('DELETE /policies/:policyId', {
    does: 'Delete a policy',
    ...policies,
    audit: 'authz.policy.deleted',
    refuses: ofPolicy,
  })
  remove(@Param('policyId') policyId: string, @Caller() caller: CallerContext): Promise<void> {
    return this.administration.remove(policyId, caller);
  }

  @Endpoint('POST /policies/:policyId/enable', {
    does: 'Put a policy in force',
    ...policies,
    audit: 'authz.policy.enabled',
    returns: PolicyView,
    refuses: [...ofPolicy, authorizationErrors.policyTooComplex],
  })
  enable(@Param('policyId') policyId: string, @Caller() caller: CallerContext): Promise<PolicyView> {
    return this.administration.switch(policyId, true, caller);
  }

  @Endpoint('POST /policies/:policyId/disable', {
    does: 'Put a policy out of force',
    ...policies,
    audit: 'authz.policy.disabled',
    returns: PolicyView,
    refuses: ofPolicy,
  })
  disable(@Param('policyId') policyId: string, @Caller() caller: CallerContext): Promise<PolicyView> {
    return this.administration.switch(policyId, false, caller);
  }

  @Endpoint('POST /policies/:policyId/simulate', {
    does: 'Tell what policies would say if this one were in force',
    ...admin,
    audit: 'authz.simulation.run',
    returns: SimulationView,
    refuses: [...ofPolicy, authorizationErrors.simulationInvalid, authorizationErrors.simulationDisabled],
  })
  simulate(
    @Param('policyId') policyId: string,
    @Body() body: SimulationRequest,
    @Caller() caller: CallerContext,
  ): Promise<SimulationView> {
    return this.simulation.simulate(policyId, body, caller);
  }

  @Endpoint('POST /evaluate', {
    does: 'Tell what somebody may do on a resource, and why',
    ...admin,
    audit: 'authz.policy.evaluate',
    returns: EvaluationView,
    refuses: [authorizationErrors.documentNotFound, runErrors.notFound, authorizationErrors.simulationInvalid],
  })
  evaluate(@Body() body: EvaluationRequest, @Caller() caller: CallerContext): Promise<EvaluationView> {
    return this.simulation.evaluate(body, caller);
  }

  @Endpoint('GET /documents/:documentId/permissions', {
    does: 'List the permissions on a document, expired ones too',
    ...admin,
    returns: PermissionListView,
    refuses: ofDocument,
  })
  listPermissions(
    @Param('documentId') documentId: string,
    @Query() query: PageQuery,
    @Caller() caller: CallerContext,
  ): Promise<PermissionListView> {
    return this.permissions.list(documentId, query, caller);
  }

  @Endpoint('POST /documents/:documentId/permissions', {
    does: 'Give a permission on a document, or renew it',
    ...permissions,
    status: 201,
    audit: 'authz.permission.granted',
    returns: PermissionView,
    refuses: [...ofDocument, authorizationErrors.expiryInPast, authorizationErrors.tooManyPermissions],
  })
  async grant(
    @Param('documentId') documentId: string,
    @Body() body: GrantRequest,
    @Caller() caller: CallerContext,
  ): Promise<PermissionView> {
    const [row] = await this.permissions.grant(documentId, [body], caller);
    if (row === undefined) throw new Error('a permission was given and is not there');
    return row;
  }

  @Endpoint('POST /documents/:documentId/permissions/bulk', {
    does: 'Give several permissions on a document at once, or renew them',
    ...permissions,
    status: 201,
    audit: 'authz.permission.granted',
    returns: PermissionListView,
    refuses: [...ofDocument, authorizationErrors.expiryInPast, authorizationErrors.tooManyPermissions],
  })
  async grantMany(
    @Param('documentId') documentId: string,
    @Body() body: BulkGrantRequest,
    @Caller() caller: CallerContext,
  ): Promise<PermissionListView> {
    return { items: await this.permissions.grant(documentId, body.permissions, caller), next_cursor: null };
  }

  @Endpoint('DELETE /documents/:documentId/permissions/:permissionId', {
    does: 'Take a permission on a document away',
    ...permissions,
    audit: 'authz.permission.revoked',
    returns: PermissionView,
    refuses: [...ofDocument, authorizationErrors.permissionNotFound],
  })
  revoke(
    @Param('documentId') documentId: string,
    @Param('permissionId') permissionId: string,
    @Caller() caller: CallerContext,
  ): Promise<PermissionView> {
    return this.permissions.revoke(documentId, permissionId, caller);
  }
}
