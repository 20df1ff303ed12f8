import { permissions, principalTypes } from '#domain/capabilities/authorization/permissions.ports.js';
import type { Permission, PrincipalType } from '#domain/capabilities/authorization/permissions.ports.js';
import { Field } from '#api/http/fields.js';

export class GrantRequest {
  @Field.enum(principalTypes, { example: 'user' })
  principal_type!: PrincipalType;

  @Field.string({ does: 'The id of a user or a key, the name of a group or a role', min: 1, max: 128, example: 'ada' })
  principal_id!: string;

  @Field.enum(permissions, { example: 'read' })
  permission!: Permission;

  @Field.instant({ does: 'When it ends; never when absent', optional: true, nullable: true })
  expires_at?: string | null;
}

export class BulkGrantRequest {
  @Field.list(() => GrantRequest, { minItems: 1, maxItems: 100 })
  permissions!: GrantRequest[];
}

export class PermissionView {
  @Field.string({ example: '01900000-0000-7000-8000-000000000001' })
  id!: string;

  @Field.string()
  tenant_id!: string;

  @Field.string()
  document_id!: string;

  @Field.enum(principalTypes)
  principal_type!: string;

  @Field.string()
  principal_id!: string;

  @Field.enum(permissions)
  permission!: string;

  @Field.string({ nullable: true })
  granted_by!: string | null;

  @Field.instant({ nullable: true })
  expires_at!: string | null;

  @Field.instant()
  created_at!: string;
}

export class PermissionListView {
  @Field.list(() => PermissionView)
  items!: readonly PermissionView[];

  @Field.string({ does: 'The `cursor` of the next page; null at the end', nullable: true })
  next_cursor!: string | null;
}
