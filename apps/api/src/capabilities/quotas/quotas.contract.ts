import { MAX_LIMIT } from '#domain/capabilities/quotas/quotas.decider.js';
import { Field } from '#api/http/fields.js';

const limit = (does: string) =>
  Field.integer({ does: `${does}; null is unlimited`, min: 0, max: MAX_LIMIT, optional: true, nullable: true });
const limitShown = () => Field.integer({ does: 'Null: unlimited', nullable: true, example: 1_000 });

export class PatchQuotaRequest {
  @limit('Quota units (a run is 3, any other request 1) in a UTC day')
  daily_requests_limit?: number | null;

  @limit('Quota units in a UTC month')
  monthly_requests_limit?: number | null;

  @limit('Tokens of runs in a UTC day')
  daily_tokens_limit?: number | null;

  @limit('Tokens of runs in a UTC month')
  monthly_tokens_limit?: number | null;

  @Field.number({ does: 'The share of a limit from which the soft cap is reached', min: 0, max: 1, optional: true })
  soft_cap_ratio?: number;

  @Field.boolean({ does: 'Whether requests over a limit are refused, or only observed', optional: true })
  hard_cap_enabled?: boolean;
}

export class QuotaView {
  @Field.string({ example: 't1' })
  tenant_id!: string;

  @limitShown()
  daily_requests_limit!: number | null;

  @limitShown()
  monthly_requests_limit!: number | null;

  @limitShown()
  daily_tokens_limit!: number | null;

  @limitShown()
  monthly_tokens_limit!: number | null;

  @Field.number({ example: 0.8 })
  soft_cap_ratio!: number;

  @Field.boolean({ example: true })
  hard_cap_enabled!: boolean;
}
