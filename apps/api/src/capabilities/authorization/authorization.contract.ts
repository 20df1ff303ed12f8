import { actions, resourceTypes } from '#domain/capabilities/authorization/pairs.ports.js';
import { Field } from '#api/http/fields.js';
import { PageQuery } from '#api/http/paging.js';

const EFFECTS = ['allow', 'deny'] as const;
const ROLES = ['reader', 'editor', 'admin'] as const;
const RESOURCES = [...resourceTypes, '*'];
const ACTIONS = [...actions, '*'];
const byRole = { in: [{ var: 'principal.role' }, ['editor', 'admin']] };
const PRIORITY = { min: -1_000_000, max: 1_000_000 };

export class PolicyListQuery extends PageQuery {
  @Field.boolean({ does: 'Whether the policies that concern all tenants are among them', default: true })
  include_global!: boolean;
}

export class NewPolicyQuery {
  @Field.enum(['tenant', 'global'], {
    does: 'Whom it concerns: the own tenant, or all; the latter is for platform operators',
    optional: true,
  })
  scope?: 'tenant' | 'global';
}

export class NewPolicyRequest {
  @Field.string({ does: 'What people call it', min: 1, max: 128, example: 'Contractors see no drafts' })
  name!: string;

  @Field.enum(EFFECTS, { does: 'Deny goes before allow, whatever the priorities', example: 'allow' })
  effect!: 'allow' | 'deny';

  @Field.enum(RESOURCES, { example: 'document' })
  resource_type!: string;

  @Field.enum(ACTIONS, { does: 'One that the resource has, or any', example: 'read' })
  action!: string;

  @Field.json({ does: 'When it holds; `{}` and null are always', optional: true, nullable: true, example: byRole })
  condition_json?: Record<string, never> | null;

  @Field.integer({ does: 'The highest is asked first', default: 100, ...PRIORITY })
  priority!: number;

  @Field.boolean({ default: true })
  enabled!: boolean;
}

export class PatchPolicyRequest {
  @Field.string({ does: 'What people call it', min: 1, max: 128, optional: true })
  name?: string;

  @Field.enum(EFFECTS, { optional: true })
  effect?: 'allow' | 'deny';

  @Field.enum(RESOURCES, { optional: true })
  resource_type?: string;

  @Field.enum(ACTIONS, { optional: true })
  action?: string;

  @Field.json({ does: 'When it holds; null is always', optional: true, nullable: true })
  condition_json?: Record<string, never> | null;

  @Field.integer({ optional: true, ...PRIORITY })
  priority?: number;

  @Field.boolean({ optional: true })
  enabled?: boolean;
}

export class PolicyView {
  @Field.string({ example: '01900000-0000-7000-8000-000000000001' })
  id!: string;

  @Field.string({ does: 'Null: it concerns all tenants', nullable: true })
  tenant_id!: string | null;

  @Field.string({ example: 'Contractors see no drafts' })
  name!: string;

  @Field.integer({ does: 'Raised by each change of what it says' })
  version!: number;

  @Field.enum(EFFECTS)
  effect!: string;

  @Field.enum(RESOURCES)
  resource_type!: string;

  @Field.enum(ACTIONS)
  action!: string;

  @Field.json({ nullable: true })
  condition_json!: object | null;

  @Field.integer()
  priority!: number;

  @Field.boolean()
  enabled!: boolean;

  @Field.string({ does: 'Null: it was made with the tenant or the platform', nullable: true })
  created_by!: string | null;

  @Field.instant()
  created_at!: string;

  @Field.instant()
  updated_at!: string;
}

export class PolicyListView {
  @Field.list(() => PolicyView)
  items!: readonly PolicyView[];

  @Field.string({ does: 'The `cursor` of the next page; null at the end', nullable: true })
  next_cursor!: string | null;
}

/** What conditions look at, as somebody imagines it. */
export class SimulationRequest {
  @Field.string({ does: 'A resource, as in policies', min: 1, max: 32, example: 'document' })
  resource_type!: string;

  @Field.string({ does: 'An action that it has', min: 1, max: 32, example: 'read' })
  action!: string;

  @Field.json({ does: '`principal.*`; the caller when absent', optional: true, example: { role: 'reader' } })
  principal?: Record<string, never>;

  @Field.json({ does: '`resource.*`', optional: true, example: { labels: { team: 'legal' } } })
  resource?: Record<string, never>;

  @Field.json({ does: '`request.*`; `time` is now by default', optional: true })
  request?: Record<string, never>;

  @Field.json({ does: '`context.*`', optional: true })
  context?: Record<string, never>;
}

export class EvaluationRequest extends SimulationRequest {
  @Field.string({
    does: 'The id of what it is about: what is known of that goes before `resource`',
    max: 256,
    optional: true,
  })
  resource_id?: string;
}

export class TraceLineView {
  @Field.string()
  policy_id!: string;

  @Field.enum(EFFECTS)
  effect!: string;

  @Field.boolean()
  matched!: boolean;

  @Field.string({ optional: true })
  error?: string;
}

export class SimulationView {
  @Field.boolean()
  allowed!: boolean;

  @Field.string({ does: '`role_required`: the role does not suffice, whatever policies say', example: 'policy_allow' })
  reason!: string;

  @Field.enum(ROLES, { does: 'The least role that the action needs' })
  required_role!: string;

  @Field.string({ nullable: true })
  matched_policy_id!: string | null;

  @Field.strings({ does: 'Every policy whose condition holds' })
  matched_policies!: readonly string[];

  @Field.list(() => TraceLineView, { does: 'What each policy says, in the order in which they are asked' })
  trace!: readonly TraceLineView[];
}

export class EvaluationView extends SimulationView {
  @Field.boolean({ does: 'Whether a permission on the document is needed' })
  permission_required!: boolean;

  @Field.string({ does: 'The permission that suffices', nullable: true })
  permission_id!: string | null;
}
