import type { FeatureKey } from '#domain/capabilities/plans/features.events.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { CallerContext } from '#api/http/caller.js';
import { httpErrors } from '#api/http/errors.js';
import type { AccessLog, Entitlements } from '#api/http/gates.js';

/** The feature gate for what only a request's body tells, such as the provider of a corpus. */
export class Features {
  constructor(
    private readonly entitlements: Entitlements,
    private readonly access: Pick<AccessLog, 'recorded'>,
  ) {}

  /** Refuses with 403, on record before the answer, as the gate before the handler does. */
  async require(feature: FeatureKey, caller: CallerContext): Promise<void> {
    if (await this.entitlements.enabled(caller.tenantId, feature)) return;
    const error = new CatalogueError(httpErrors.featureNotEnabled, { feature_key: feature });
    const data = { ...caller.called, code: error.row.code, count: 1, windowSeconds: 0, featureKey: feature };
    await this.access.recorded({ type: 'FeatureRefused', data }, caller.accessContext);
    throw error;
  }
}
