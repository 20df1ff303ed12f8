import { createHash } from 'node:crypto';
import { rolloutErrors } from '#domain/capabilities/rollouts/rollouts.decider.js';
import type { Canary, KillSwitch } from '#domain/capabilities/rollouts/rollouts.events.js';
import {
  isKilled,
  percentageOf,
  type RolloutDefaults,
  type RolloutScopes,
} from '#domain/capabilities/rollouts/rollouts.ports.js';
import { stateOf, type RolloutRow } from '#domain/capabilities/rollouts/rollouts.projection.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import { httpErrors } from '#api/http/errors.js';
import { HotStateUnavailable, type HotState } from '#infra/hot-state/hot-state.js';

/** What a caller is told to wait; switches are turned by people. */
const RETRY_AFTER_S = 30;

/** 0 to 99, the same for a tenant for ever. */
export function bucketOf(tenantId: string): number {
  return Number.parseInt(createHash('sha256').update(tenantId).digest('hex').slice(0, 8), 16) % 100;
}

/** Kill switches and canaries, from memory; no request pays a query for them, and they need no shared state. */
export class Rollouts {
  constructor(
    private readonly rows: HotState<RolloutRow>,
    readonly defaults: RolloutDefaults,
  ) {}

  /** Refuses with 503 while the switch is off for the tenant. */
  async refuseKilled(name: KillSwitch, tenantId: string): Promise<void> {
    if (isKilled(name, await this.scopes(tenantId))) refuse({ kill_switch: name });
  }

  /** As `refuseKilled`, and while the tenant is not among those that have the canary. */
  async refuseUnless(canary: Canary, name: KillSwitch, tenantId: string): Promise<void> {
    const scopes = await this.scopes(tenantId);
    if (isKilled(name, scopes)) refuse({ kill_switch: name });
    if (bucketOf(tenantId) >= percentageOf(canary, scopes)) refuse({ canary });
  }

  private scopes(tenantId: string): RolloutScopes | Promise<RolloutScopes> {
    const { rows, defaults } = this;
    if (!rows.isFresh(tenantId, tenantId) || !rows.isFresh(SYSTEM_TENANT, SYSTEM_TENANT)) return this.checked(tenantId);
    const platform = stateOf(rows.get(SYSTEM_TENANT, SYSTEM_TENANT));
    return { defaults, platform, tenant: stateOf(rows.get(tenantId, tenantId)) };
  }

  /** Where memory is too old the table is asked, and nobody is let in when that is away too. */
  private async checked(tenantId: string): Promise<RolloutScopes> {
    try {
      const platform = stateOf(await this.rows.getOrCheck(SYSTEM_TENANT, SYSTEM_TENANT));
      const tenant = stateOf(await this.rows.getOrCheck(tenantId, tenantId));
      return { defaults: this.defaults, platform, tenant };
    } catch (error) {
      if (!(error instanceof HotStateUnavailable)) throw error;
      throw new CatalogueError(httpErrors.unavailable, undefined, { cause: error });
    }
  }
}

function refuse(what: Readonly<Record<string, string>>): never {
  throw new CatalogueError(rolloutErrors.disabled, { ...what, retry_after_s: RETRY_AFTER_S });
}
