import { defineDecider } from '../../kernel/decider.js';
import type { UsageEvent } from './usage.events.js';

export interface ForgetMinutes {
  readonly type: 'ForgetMinutes';
  /** When each of them began; all of one UTC day. */
  readonly data: { readonly minutes: readonly string[] };
}

/** One stream a tenant and day: which of its minutes are forgotten. */
export const usageRetention = defineDecider<
  ForgetMinutes,
  Extract<UsageEvent, { type: 'UsageMinuteForgotten' }>,
  ReadonlySet<string>
>({
  category: 'usageRetention',
  initial: new Set(),
  decide: ({ data: { minutes } }, forgotten) =>
    minutes
      .filter((minute) => !forgotten.has(minute))
      .map((minute) => ({ type: 'UsageMinuteForgotten', data: { minute } })),
  evolve: (forgotten, event) =>
    event.type === 'UsageMinuteForgotten' ? new Set([...forgotten, event.data.minute]) : forgotten,
});
