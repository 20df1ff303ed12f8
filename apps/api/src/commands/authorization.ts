import { authorizationErrors } from '#domain/capabilities/authorization/authorization.decider.js';
import type { Facts } from '#domain/capabilities/authorization/condition-closures.ports.js';
import type { ActionOf, Pair, ResourceOf } from '#domain/capabilities/authorization/pairs.ports.js';
import { grantFor, type Grant, type Guarded } from '#domain/capabilities/authorization/permissions.ports.js';
import { decide, type PairPolicies, type Verdict } from '#domain/capabilities/authorization/policies.ports.js';
import { CatalogueError, type ErrorRow } from '#domain/kernel/errors.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { CallerContext } from '#api/http/caller.js';
import type { AccessLog, Authorizing } from '#api/http/gates.js';
import { readableDocuments } from '#infra/authorization/document-predicate.js';
import { rowsPredicate } from '#infra/authorization/policies-sql.js';
import type { VisibilityPredicate } from '#infra/retrieval/retrieval-sql.js';
import { factsOf, granteeOf, isOperator } from './principal-facts.js';
import type { PolicySets } from './policy-sets.js';

export interface AuthorizationSettings {
  /** False: policies are asked for nothing. */
  readonly abac: boolean;
  readonly defaultDeny: boolean;
  /** Whether admins need no permission on a document. */
  readonly adminBypass: boolean;
  /** Whether a new document is the tenant's too, by role. */
  readonly sharesNew: boolean;
}

export interface AuthorizationParts {
  readonly sets: PolicySets;
  readonly planOf: (tenantId: string) => string;
  readonly access: Pick<AccessLog, 'recorded'>;
  readonly settings: AuthorizationSettings;
  /** The relation of permissions, e.g. `read.document_acls_v1`. */
  readonly acls: string;
}

/** What belongs to a corpus. */
export interface OfCorpus {
  readonly id: string;
  readonly corpus_id: string;
}

/** What policies may look at of a document. */
export interface DocumentFacts {
  readonly id: string | null;
  readonly corpusId: string;
  readonly status: string | null;
  readonly contentType: string | null;
  readonly labels: JsonObject;
  /** Null while there is none. */
  readonly metadata: JsonObject | null;
}

/**
 * Who may do what. Roles are asked before, by the pipeline; then permissions on the document, then policies, deny before
 * allow; what nothing allows is denied. Everything is decided in memory, or in the query that reads the rows.
 */
export class Authorization implements Authorizing {
  constructor(private readonly parts: AuthorizationParts) {}

  /** Refuses what policies do not allow on a resource: that of the endpoint itself, or one that the request names. */
  authorize<P extends Pair>(pair: P, caller: CallerContext, resource: ResourceOf<P>): void | Promise<void> {
    const verdict = this.judge(pair, caller, resource);
    if (verdict instanceof Promise) return verdict.then((given) => this.enforce(given, pair, caller, resource));
    return this.enforce(verdict, pair, caller, resource);
  }

  /** Whether policies allow it: nothing is refused, and nothing put on record. */
  allows<P extends Pair>(pair: P, caller: CallerContext, resource: ResourceOf<P>): boolean | Promise<boolean> {
    const verdict = this.judge(pair, caller, resource);
    return verdict instanceof Promise ? verdict.then(({ allowed }) => allowed) : verdict.allowed;
  }

  /** Why policies do not allow it by now; undefined while they do. For what goes on after it was let in. */
  async refusal<P extends Pair>(
    pair: P,
    caller: CallerContext,
    resource: ResourceOf<P>,
  ): Promise<ErrorRow | undefined> {
    return (await this.allows(pair, caller, resource)) ? undefined : authorizationErrors.deniedByPolicy;
  }

  /** Refuses what policies do not allow on a corpus. */
  corpus(action: ActionOf<'corpus'>, corpusId: string, caller: CallerContext): void | Promise<void> {
    return this.authorize(`corpus.${action}`, caller, { id: corpusId, corpus_id: corpusId });
  }

  /** Whether policies allow it on a corpus. */
  allowsCorpus(action: ActionOf<'corpus'>, corpusId: string, caller: CallerContext): boolean | Promise<boolean> {
    return this.allows(`corpus.${action}`, caller, { id: corpusId, corpus_id: corpusId });
  }

  /** Refuses what policies do not allow on a run, or on a conversation. */
  run(action: ActionOf<'run'>, { id, corpus_id }: OfCorpus, caller: CallerContext): void | Promise<void> {
    return this.authorize(`run.${action}`, caller, { id, corpus_id });
  }

  /** Refuses who has no permission on a document that is there, then what policies do not allow on all that it is. */
  async document(
    action: Guarded,
    grants: readonly Grant[],
    facts: readonly [DocumentFacts, ...DocumentFacts[]],
    caller: CallerContext,
  ): Promise<void> {
    if (!this.isGranted(action, grants, caller)) await this.refusePermission(action, facts[0].id ?? '', caller);
    for (const document of facts)
      await this.authorize(`document.${action}`, caller, resourceOf(document, caller.tenantId));
  }

  /** The documents that the caller may read, as a condition on their rows; undefined: all of the tenant. */
  async readable(caller: CallerContext): Promise<VisibilityPredicate | undefined> {
    const { principal } = caller;
    const { settings, acls } = this.parts;
    if (isOperator(principal)) return undefined;
    const policies = settings.abac ? (await this.parts.sets.of(caller.tenantId)).of('document.read') : undefined;
    return readableDocuments({
      grantee: this.bypasses(caller) ? undefined : granteeOf(principal),
      policies,
      facts: this.facts(caller),
      defaultDeny: settings.defaultDeny,
      now: new Date().toISOString(),
      acls,
    });
  }

  /** The corpora with which the caller may do all of that, as a condition on their rows; undefined: all of the tenant. */
  async visibleCorpora(
    caller: CallerContext,
    actions: readonly ActionOf<'corpus'>[] = ['read'],
  ): Promise<VisibilityPredicate | undefined> {
    if (isOperator(caller.principal) || !this.parts.settings.abac) return undefined;
    const set = await this.parts.sets.of(caller.tenantId);
    const policies = actions.map((action) => set.of(`corpus.${action}`));
    const columns = { id: 'id', tenant_id: 'tenant_id', corpus_id: 'id' };
    return rowsPredicate(policies, this.facts(caller), columns, this.parts.settings.defaultDeny);
  }

  /** The runs, or the conversations, that the caller may see, as a condition on their rows; undefined: all of the tenant. */
  async visibleRuns(caller: CallerContext): Promise<VisibilityPredicate | undefined> {
    if (isOperator(caller.principal) || !this.parts.settings.abac) return undefined;
    const policies = [(await this.parts.sets.of(caller.tenantId)).of('run.read')];
    const columns = { id: 'id', tenant_id: 'tenant_id', corpus_id: 'corpus_id' };
    return rowsPredicate(policies, this.facts(caller), columns, this.parts.settings.defaultDeny);
  }

  /** Whether policies let the caller read a run, without a record of it where they do not. */
  mayReadRun({ id, corpus_id }: OfCorpus, caller: CallerContext): boolean | Promise<boolean> {
    return this.allows('run.read', caller, { id, corpus_id });
  }

  /** Whether policies that look at documents' metadata could decide this. */
  async looksAtMetadata(action: Guarded, caller: CallerContext): Promise<boolean> {
    if (isOperator(caller.principal) || !this.parts.settings.abac) return false;
    return (await this.parts.sets.of(caller.tenantId)).of(`document.${action}`).looksAtMetadata;
  }

  /** Whether one of the grants lets the caller do it. */
  isGranted(action: Guarded, grants: readonly Grant[], caller: CallerContext): boolean {
    if (isOperator(caller.principal) || this.bypasses(caller)) return true;
    return grantFor(grants, action, granteeOf(caller.principal), new Date().toISOString()) !== undefined;
  }

  /** Whose a document is that the caller brings in. What the machine's operator brings in is the tenant's. */
  ownership({ principal }: CallerContext): { readonly owner: string | null; readonly shared: boolean } {
    if (isOperator(principal)) return { owner: null, shared: true };
    return { owner: principal.subjectId, shared: this.parts.settings.sharesNew };
  }

  private bypasses({ principal }: CallerContext): boolean {
    return this.parts.settings.adminBypass && principal.role === 'admin';
  }

  private facts(caller: CallerContext): Facts {
    return factsOf(caller, this.parts.planOf(caller.tenantId));
  }

  private judge(pair: Pair, caller: CallerContext, resource: JsonObject): Verdict | Promise<Verdict> {
    if (isOperator(caller.principal)) return { allowed: true, reason: 'operator', policyId: null };
    if (!this.parts.settings.abac) return { allowed: true, reason: 'abac_disabled', policyId: null };
    const set = this.parts.sets.of(caller.tenantId);
    if (set instanceof Promise) return set.then((given) => this.verdict(given.of(pair), caller, resource));
    return this.verdict(set.of(pair), caller, resource);
  }

  private verdict(policies: PairPolicies, caller: CallerContext, resource: JsonObject): Verdict {
    const facts = { ...this.facts(caller), resource: { tenant_id: caller.tenantId, ...resource } };
    return decide(policies, facts, this.parts.settings.defaultDeny);
  }

  private enforce(verdict: Verdict, pair: Pair, caller: CallerContext, resource: JsonObject): void | Promise<void> {
    return verdict.allowed ? undefined : this.refusePolicy(verdict, pair, caller, resource);
  }

  private async refusePolicy(
    { reason, policyId }: Verdict,
    pair: Pair,
    caller: CallerContext,
    resource: JsonObject,
  ): Promise<never> {
    const [resourceType = '', action = ''] = pair.split('.');
    const error = denied(authorizationErrors.deniedByPolicy, resourceType, action, reason);
    const resourceId = typeof resource['id'] === 'string' ? resource['id'] : null;
    const data = { ...refusal(caller, error), resourceType, resourceId, action, reason, policyId };
    await this.parts.access.recorded({ type: 'PolicyAccessDenied', data }, caller.accessContext);
    throw error;
  }

  private async refusePermission(action: Guarded, documentId: string, caller: CallerContext): Promise<never> {
    const reason = 'document_acl_denied';
    const error = denied(authorizationErrors.permissionRequired, 'document', action, reason);
    const data = { ...refusal(caller, error), documentId, action, reason };
    await this.parts.access.recorded({ type: 'DocumentAccessDenied', data }, caller.accessContext);
    throw error;
  }
}

function denied(row: ErrorRow, resource_type: string, action: string, reason: string): CatalogueError {
  return new CatalogueError(row, { resource_type, action, reason });
}

function refusal(caller: CallerContext, { row }: CatalogueError) {
  return { ...caller.called, code: row.code, count: 1, windowSeconds: 0 };
}

/** A document as `resource` of conditions. */
export function resourceOf(document: DocumentFacts, tenantId: string) {
  const { id, corpusId, status, contentType, labels, metadata } = document;
  return { id, tenant_id: tenantId, corpus_id: corpusId, status, content_type: contentType, labels, metadata };
}
