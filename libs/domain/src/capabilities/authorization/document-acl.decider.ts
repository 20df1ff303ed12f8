import { defineDecider, type Decision, type Facts } from '../../kernel/decider.js';
import { refuse } from '../../kernel/errors.js';
import type { DocumentEvent } from '../documents/documents.events.js';
import { authorizationErrors } from './authorization.decider.js';
import type { PermissionEvent } from './authorization.events.js';
import { firstGrants, type Grant } from './permissions.ports.js';

/** A grant as it is asked for. `permissionId` is used where the grant is new. */
export type AskedGrant = Omit<Grant, 'grantedBy'>;

export interface GrantPermissions {
  readonly type: 'GrantPermissions';
  readonly data: { readonly grants: readonly AskedGrant[]; readonly grantedBy: string | null };
}

export interface RevokePermission {
  readonly type: 'RevokePermission';
  readonly data: { readonly permissionId: string };
}

export type DocumentAclCommand = GrantPermissions | RevokePermission;

export type DocumentAclState =
  | { readonly status: 'absent' }
  | {
      readonly status: 'present';
      readonly documentId: string;
      readonly corpusId: string;
      readonly grants: readonly Grant[];
    };

/** More would be a group. */
export const MOST_GRANTS = 1_000;

/** Who may do what with a document: a second look at its own stream, which ends when the document does. */
export const documentAcl = defineDecider<DocumentAclCommand, DocumentEvent | PermissionEvent, DocumentAclState>({
  category: 'documents',
  name: 'documentAcl',
  initial: { status: 'absent' },
  decide: (command, state, facts) => {
    if (state.status === 'absent') return refuse(authorizationErrors.documentNotFound);
    switch (command.type) {
      case 'GrantPermissions':
        return grant(command, state, facts);
      case 'RevokePermission': {
        const { permissionId } = command.data;
        const known = state.grants.some((each) => each.permissionId === permissionId);
        if (!known) return refuse(authorizationErrors.permissionNotFound);
        return [{ type: 'DocumentPermissionRevoked', data: { documentId: state.documentId, permissionId } }];
      }
    }
  },
  evolve: (state, event) => {
    if (event.type === 'DocumentDeleted') return { status: 'absent' };
    if (event.type === 'DocumentSubmitted') {
      const { documentId, corpusId } = event.data;
      return state.status === 'present'
        ? state
        : { status: 'present', documentId, corpusId, grants: firstGrants(event.data) };
    }
    if (state.status === 'absent') return state;
    if (event.type === 'DocumentPermissionGranted') return { ...state, grants: withGrant(state.grants, event.data) };
    if (event.type !== 'DocumentPermissionRevoked') return state;
    return { ...state, grants: withoutGrant(state.grants, event.data.permissionId) };
  },
});

/** The grants with one more, or with one renewed in its place. */
export function withGrant(grants: readonly Grant[], { permissionId, ...said }: Grant): readonly Grant[] {
  const { principalType, principalId, permission, grantedBy, expiresAt } = said;
  const next = { permissionId, principalType, principalId, permission, grantedBy, expiresAt };
  const known = grants.some((each) => each.permissionId === permissionId);
  return known ? grants.map((each) => (each.permissionId === permissionId ? next : each)) : [...grants, next];
}

export function withoutGrant(grants: readonly Grant[], permissionId: string): readonly Grant[] {
  return grants.filter((each) => each.permissionId !== permissionId);
}

/** The grant of the same permission to the same principal. */
export function sameGrant(
  grants: readonly Grant[],
  asked: Pick<Grant, 'principalType' | 'principalId' | 'permission'>,
) {
  return grants.find(
    (each) =>
      each.principalType === asked.principalType &&
      each.principalId === asked.principalId &&
      each.permission === asked.permission,
  );
}

/** What is granted already is renewed where its end differs, expired or not, under the id that it has. */
function grant(
  { data }: GrantPermissions,
  state: Extract<DocumentAclState, { status: 'present' }>,
  { now }: Facts,
): Decision<PermissionEvent> {
  const { documentId } = state;
  const events: PermissionEvent[] = [];
  let { grants } = state;
  for (const asked of data.grants) {
    if (asked.expiresAt !== null && asked.expiresAt <= now) return refuse(authorizationErrors.expiryInPast);
    const known = sameGrant(grants, asked);
    if (known?.expiresAt === asked.expiresAt) continue;
    const next = { ...asked, permissionId: known?.permissionId ?? asked.permissionId, grantedBy: data.grantedBy };
    grants = withGrant(grants, next);
    events.push({ type: 'DocumentPermissionGranted', data: { documentId, ...next } });
  }
  return grants.length > MOST_GRANTS ? refuse(authorizationErrors.tooManyPermissions, { most: MOST_GRANTS }) : events;
}
