import { Field } from '#api/http/fields.js';

export const componentStates = ['ok', 'degraded', 'error', 'unknown'] as const;
export type ComponentState = (typeof componentStates)[number];

export class ComponentHealth {
  @Field.string({ example: 'database' })
  name!: string;

  @Field.enum(componentStates)
  status!: ComponentState;

  @Field.string({ nullable: true, does: 'What is wrong, in a sentence' })
  problem!: string | null;

  @Field.json({ does: 'The figures that decide whether to wake someone' })
  figures!: object;
}

export class SystemHealthView {
  @Field.enum(componentStates, { does: 'The worst of the components' })
  status!: ComponentState;

  @Field.instant()
  checked_at!: string;

  @Field.string({ does: 'The process that answers; some figures are its own' })
  process!: string;

  @Field.list(() => ComponentHealth)
  components!: readonly ComponentHealth[];
}
