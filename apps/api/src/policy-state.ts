import { apiKeyRows } from '#domain/capabilities/api-keys/api-keys.projection.js';
import type { RowOf } from '#domain/kernel/projection.js';
import type { HotState, HotStates } from '#infra/hot-state/hot-state.js';

/** Policy that every request needs, in memory: no request pays a query for it, and a change is in force within milliseconds. */
export class PolicyState {
  readonly keys: HotState<RowOf<typeof apiKeyRows.columns>>;

  constructor(hot: HotStates) {
    this.keys = hot.add(apiKeyRows, { indexBy: ['key_hash'] });
  }
}
