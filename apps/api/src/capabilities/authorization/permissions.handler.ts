import { authorizationErrors } from '#domain/capabilities/authorization/authorization.decider.js';
import { documentAclRows, grantsOf } from '#domain/capabilities/authorization/authorization.projection.js';
import {
  documentAcl,
  sameGrant,
  type DocumentAclState,
} from '#domain/capabilities/authorization/document-acl.decider.js';
import type { Grant } from '#domain/capabilities/authorization/permissions.ports.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Commands } from '#api/commands/commands.js';
import type { DocumentAccess } from '#api/commands/document-access.js';
import type { CallerContext } from '#api/http/caller.js';
import { seesCorpus } from '#api/http/corpus-scope.js';
import { decodeCursor, encodeCursor, type PageQuery } from '#api/http/paging.js';
import { derivedId, idFor } from '#infra/commands/ids.js';
import type { ReadModels } from '#infra/read-models/read-models.js';
import type { GrantRequest, PermissionListView, PermissionView } from './permissions.contract.js';

type Present = Extract<DocumentAclState, { status: 'present' }>;

/** Who may do what with one document: shown, given, renewed and taken by admins, whether they may read it or not. */
export class DocumentPermissions {
  constructor(
    private readonly commands: Commands,
    private readonly models: ReadModels,
    private readonly access: DocumentAccess,
  ) {}

  async list(documentId: string, { limit, cursor }: PageQuery, caller: CallerContext): Promise<PermissionListView> {
    const { uid, acl } = await this.managed(documentId, caller);
    const filters = ['document_acls', caller.tenantId, documentId];
    const [start = 0] = decodeCursor(cursor, filters) ?? [];
    const end = Number(start) + limit;
    const views = await this.views(uid, acl, acl.grants.slice(Number(start), end), caller);
    return { items: views, next_cursor: end < acl.grants.length ? encodeCursor([end], filters) : null };
  }

  /** Gives the rows as they are now, the known and the renewed ones too. */
  async grant(documentId: string, asked: readonly GrantRequest[], caller: CallerContext): Promise<PermissionView[]> {
    const { uid } = await this.managed(documentId, caller);
    const grants = asked.map(({ principal_type, principal_id, permission, expires_at }, at) => ({
      permissionId: derivedId(caller.facts.commandId, `permission ${at}`),
      principalType: principal_type,
      principalId: principal_id,
      permission,
      expiresAt: expires_at == null ? null : new Date(expires_at).toISOString(),
    }));
    const data = { grants, grantedBy: caller.principal.subjectId };
    const { state } = await this.commands.run(documentAcl, uid, { type: 'GrantPermissions', data }, caller);
    const acl = present(state);
    const given = grants.flatMap((each) => sameGrant(acl.grants, each) ?? []);
    return this.views(uid, acl, given, caller);
  }

  /** Bound to the document of the address: another one's permission is not there. */
  async revoke(documentId: string, permissionId: string, caller: CallerContext): Promise<PermissionView> {
    const { uid, acl } = await this.managed(documentId, caller);
    const grants = acl.grants.filter((each) => each.permissionId === permissionId);
    const [row] = await this.views(uid, acl, grants, caller);
    await this.commands.run(documentAcl, uid, { type: 'RevokePermission', data: { permissionId } }, caller);
    if (row === undefined) throw new CatalogueError(authorizationErrors.permissionNotFound);
    return row;
  }

  private async managed(documentId: string, caller: CallerContext): Promise<{ uid: string; acl: Present }> {
    const uid = idFor('documents', caller.tenantId, documentId);
    const acl = present(await this.commands.load(documentAcl, uid, caller));
    if (!seesCorpus(caller, acl.corpusId)) throw new CatalogueError(authorizationErrors.documentNotFound);
    await this.access.manage(uid, acl, caller);
    return { uid, acl };
  }

  private async views(uid: string, { documentId }: Present, grants: readonly Grant[], caller: CallerContext) {
    const row = await this.models.for(documentAclRows).find(caller.tenantId, uid);
    const dated = row === undefined ? [] : grantsOf(row);
    return grants.map((grant): PermissionView => {
      const known = dated.find(({ permissionId }) => permissionId === grant.permissionId);
      return {
        id: grant.permissionId,
        tenant_id: caller.tenantId,
        document_id: documentId,
        principal_type: grant.principalType,
        principal_id: grant.principalId,
        permission: grant.permission,
        granted_by: grant.grantedBy,
        expires_at: grant.expiresAt,
        created_at: known?.createdAt ?? caller.facts.now,
      };
    });
  }
}

function present(state: DocumentAclState): Present {
  if (state.status === 'absent') throw new CatalogueError(authorizationErrors.documentNotFound);
  return state;
}
