import { Field } from '#api/http/fields.js';

export class RolloutScopeQuery {
  @Field.string({
    does: 'The tenant; without it all tenants for a platform operator, else the own one',
    min: 1,
    max: 64,
    optional: true,
  })
  tenant_id?: string;
}

export class KillSwitchesRequest {
  @Field.map('boolean', {
    does: 'By name, whether it is off from now on; null is the default again. Unknown names are left out',
    example: { 'kill.run': true },
  })
  kill_switches!: Record<string, boolean | null>;
}

export class CanaryRequest {
  @Field.map('integer', {
    does: 'By name, the share of the tenants in per cent, cut to 0 and 100; null is the default again. Unknown names are left out',
    example: { 'rollout.tts': 5 },
  })
  canary_percentages!: Record<string, number | null>;
}

export class KillSwitchesView {
  @Field.enum(['global', 'tenant'])
  scope!: 'global' | 'tenant';

  @Field.map('boolean', { does: 'What is off, for all or for the tenant', example: { 'kill.run': false } })
  kill_switches!: Readonly<Record<string, boolean>>;
}

export class CanaryView {
  @Field.enum(['global', 'tenant'])
  scope!: 'global' | 'tenant';

  @Field.map('integer', { does: 'The share of the tenants in per cent', example: { 'rollout.tts': 100 } })
  canary_percentages!: Readonly<Record<string, number>>;
}
