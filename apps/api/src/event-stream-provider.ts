import { authErrors } from '#domain/capabilities/api-keys/auth-errors.decider.js';
import { CatalogueError, type ErrorRow } from '#domain/kernel/errors.js';
import type { AppDeps } from './app.module.js';
import { KeyJudge } from './capabilities/api-keys/key-judge.adapter.js';
import { EventStreams } from './capabilities/event-stream/event-stream.handler.js';
import { httpErrors } from './http/errors.js';
import type { Principal } from './http/principal.js';

const STALL_MS = 30_000;

/** The event streams of an api process: their callers are looked at again and again, in memory. */
export function openEventStreams({ platform, policy, gates }: AppDeps): EventStreams {
  const { log, registry, config } = platform;
  return new EventStreams({
    log,
    registry,
    refusal: refusals({ platform, policy, gates }),
    onCredential: ({ tenantId, apiKeyId }, changed) =>
      policy.keys.onChange(({ before, after }) => {
        const row = after ?? before;
        if (row?.id === apiKeyId && row.tenant_id === tenantId) changed();
      }),
    maxSubscribers: config.operations.EVENT_STREAM_MAX_SUBSCRIBERS,
    heartbeatMs: config.run.RUN_SSE_HEARTBEAT_S * 1_000,
    stallMs: STALL_MS,
  });
}

function refusals({ platform, policy, gates }: Pick<AppDeps, 'platform' | 'policy' | 'gates'>) {
  const judge = new KeyJudge({ operatorTenantId: platform.config.auth.OPERATOR_TENANT_ID, inactiveDays: undefined });
  const look = async (principal: Principal): Promise<ErrorRow | undefined> => {
    const { tenantId, apiKeyId, authMethod } = principal;
    if (authMethod === 'api_key') {
      if (!policy.keys.isFresh(tenantId, apiKeyId)) return authErrors.unavailable;
      const row = policy.keys.get(tenantId, apiKeyId);
      if (row === undefined) return authErrors.unauthorized;
      if (judge.principalOf(row).role !== 'admin') return httpErrors.forbidden;
    }
    const enabled = (await gates.entitlements?.enabled(tenantId, 'feature.audit_access')) ?? true;
    return enabled ? undefined : httpErrors.featureNotEnabled;
  };
  return (principal: Principal): Promise<ErrorRow | undefined> =>
    look(principal).catch((error: unknown) => {
      if (error instanceof CatalogueError) return error.row;
      throw error;
    });
}
