import { roles } from '#domain/capabilities/api-keys/api-keys.events.js';
import { Field } from '#api/http/fields.js';
import { PageQuery } from '#api/http/paging.js';

const MOST_DAYS = 3_650;
const list = { optional: true, maxItems: 100 } as const;

export class KeyScopesView {
  @Field.strings({ does: 'Ids of the only corpora that it reads or changes', ...list, maxLength: 128, example: ['c1'] })
  corpora?: string[];

  @Field.strings({
    does: 'The only addresses or networks that it is used from',
    ...list,
    maxLength: 49,
    example: ['10.0.0.0/8'],
  })
  networks?: string[];

  @Field.strings({
    does: 'The only routes that it calls, as the table of endpoints names them, or rate classes',
    ...list,
    maxLength: 200,
    example: ['run', 'GET /v1/documents/:documentId'],
  })
  routes?: string[];
}

export class CreateKeyRequest {
  @Field.string({ does: 'What the key is for', max: 128, optional: true, nullable: true, example: 'importer' })
  name?: string | null;

  @Field.enum(roles)
  role!: (typeof roles)[number];

  @Field.integer({ does: 'When it ends; never by default', min: 1, max: MOST_DAYS, optional: true, nullable: true })
  expires_in_days?: number | null;

  @Field.object(() => KeyScopesView, {
    does: 'What it is limited to; a limited key makes no wider ones',
    optional: true,
    nullable: true,
  })
  scopes?: KeyScopesView | null;
}

export class PatchKeyRequest {
  @Field.string({ does: 'A new name; null takes it away', min: 1, max: 120, optional: true, nullable: true })
  name?: string | null;

  @Field.instant({ does: 'When it ends, also in the past; null is never', optional: true, nullable: true })
  expires_at?: string | null;

  @Field.boolean({
    does: 'False disables the key, true enables it again and begins its inactivity anew',
    optional: true,
  })
  active?: boolean;

  @Field.boolean({ does: 'True ends the key for ever', optional: true })
  revoke?: boolean;

  @Field.object(() => KeyScopesView, {
    does: 'What it is limited to, wholly; null limits nothing',
    optional: true,
    nullable: true,
  })
  scopes?: KeyScopesView | null;
}

export class AdminKeyQuery extends PageQuery {
  @Field.string({ does: 'The tenant; that of the credential by default', min: 1, max: 64, optional: true })
  tenant_id?: string;

  @Field.integer({ does: 'Days without use that count as inactive', min: 1, max: MOST_DAYS, default: 90 })
  inactive_days!: number;

  @Field.boolean({ does: 'Only keys that are inactive or expired', default: false })
  include_only_inactive!: boolean;
}

export class InactiveQuery extends PageQuery {
  @Field.integer({
    does: 'Days without use that count as inactive; AUTH_API_KEY_INACTIVE_DAYS by default',
    min: 1,
    max: MOST_DAYS,
    optional: true,
  })
  inactive_days?: number;
}

class KeyBase {
  @Field.string()
  key_id!: string;

  @Field.string({ example: 'nrgk_0123456' })
  key_prefix!: string;

  @Field.string({ nullable: true })
  name!: string | null;

  @Field.enum(roles)
  role!: string;

  @Field.instant()
  created_at!: string;

  @Field.instant({ does: 'At most five minutes behind; an activation counts as a use', nullable: true })
  last_used_at!: string | null;

  @Field.instant({ nullable: true })
  expires_at!: string | null;

  @Field.object(() => KeyScopesView, { nullable: true })
  scopes!: KeyScopesView | null;
}

export class KeyView extends KeyBase {
  @Field.instant({ nullable: true })
  revoked_at!: string | null;

  @Field.instant({ nullable: true })
  disabled_at!: string | null;

  @Field.boolean({ does: 'Neither revoked nor disabled' })
  is_active!: boolean;
}

export class CreatedKeyView extends KeyView {
  @Field.string({ does: 'The key itself, shown only here' })
  api_key!: string;
}

export class AdminKeyView extends KeyView {
  @Field.boolean()
  is_expired!: boolean;

  @Field.integer({ does: 'Whole days since it was used, activated or made' })
  inactive_days!: number;
}

export class InactiveKeyView extends KeyBase {
  @Field.integer({ does: 'Whole days since it was used, activated or made' })
  inactive_days!: number;

  @Field.boolean()
  is_expired!: boolean;
}

export class AdminKeyList {
  @Field.string()
  tenant_id!: string;

  @Field.integer()
  inactive_days_threshold!: number;

  @Field.list(() => AdminKeyView)
  items!: readonly AdminKeyView[];

  @Field.string({ nullable: true })
  next_cursor!: string | null;
}

export class KeyList {
  @Field.list(() => KeyView)
  items!: readonly KeyView[];

  @Field.string({ nullable: true })
  next_cursor!: string | null;
}

export class InactiveKeyReport {
  @Field.integer()
  inactive_days_threshold!: number;

  @Field.list(() => InactiveKeyView)
  items!: readonly InactiveKeyView[];

  @Field.string({ nullable: true })
  next_cursor!: string | null;
}
