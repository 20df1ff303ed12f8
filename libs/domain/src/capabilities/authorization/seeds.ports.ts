import type { Json } from '../../kernel/schema.js';
import type { Action, ResourceType } from './pairs.ports.js';

/** A policy that is made with a tenant, or with the platform. */
export interface Seed {
  readonly policyId: string;
  readonly name: string;
  readonly effect: 'allow';
  readonly resourceType: ResourceType;
  readonly action: Action | '*';
  readonly condition: Json;
  readonly priority: number;
  readonly enabled: true;
}

const byRole = (...roles: readonly string[]): Json => ({ in: [{ var: 'principal.role' }, roles] });
const members = byRole('reader', 'editor', 'admin');
const editors = byRole('editor', 'admin');
const admins = byRole('admin');

function seed(
  policyId: string,
  name: string,
  [resourceType, action]: readonly [ResourceType, Action | '*'],
  condition: Json,
): Seed {
  return { policyId, name, effect: 'allow', resourceType, action, condition, priority: 100, enabled: true };
}

/** What a tenant begins with, to keep, to narrow or to delete: what a role may do is not denied for want of a policy. */
export const tenantSeeds: readonly Seed[] = [
  seed('default-documents', 'Documents for members, by role and permission', ['document', '*'], members),
  seed('default-corpus-run', 'Members may ask every corpus', ['corpus', 'run'], members),
];

/** What all tenants have, and only operators of the platform change: what is allowed by role alone. */
export const globalSeeds: readonly Seed[] = [
  seed('global-corpus-read', 'Members may see corpora', ['corpus', 'read'], members),
  seed('global-corpus-write', 'Editors may make and rename corpora', ['corpus', 'write'], editors),
  seed('global-corpus-manage', 'Editors may change where a corpus is searched', ['corpus', 'manage'], editors),
  seed('global-run', 'Members may see and continue conversations', ['run', '*'], members),
  seed('global-audit', 'Admins may read the audit log', ['audit', 'read'], admins),
  seed('global-ops', 'Admins may watch and operate', ['ops', '*'], admins),
  seed('global-admin', 'Admins may administer their tenant', ['admin', '*'], admins),
];
