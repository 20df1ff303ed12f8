import { authErrors } from '#domain/capabilities/api-keys/auth-errors.decider.js';
import { CatalogueError, type ErrorRow } from '#domain/kernel/errors.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import type { AppDeps } from './app.module.js';
import { KeyJudge } from './capabilities/api-keys/key-judge.adapter.js';
import { outOfScope } from './capabilities/api-keys/key-scopes.adapter.js';
import { EventStreams } from './capabilities/event-stream/event-stream.handler.js';
import type { CallerContext } from './http/caller.js';
import { httpErrors } from './http/errors.js';
import type { CalledRoute, Principal } from './http/principal.js';

const STALL_MS = 30_000;

const ENDPOINT: CalledRoute = { verb: 'GET', rate: 'ops', url: '/v1/admin/events/stream' };

/** The event streams of an api process: their callers are held again and again, in memory, against what let them in. */
export function openEventStreams({ platform, policy, gates }: AppDeps): EventStreams {
  const { log, registry, config } = platform;
  return new EventStreams({
    log,
    registry,
    refusal: refusals({ platform, policy, gates }),
    onChange: ({ principal: { tenantId, apiKeyId } }, changed) => {
      const keys = policy.keys.onChange(({ before, after }) => {
        const row = after ?? before;
        if (row?.id === apiKeyId && row.tenant_id === tenantId) changed();
      });
      const policies = policy.access.onChange(({ before, after }) => {
        const of = (after ?? before)?.tenant_id;
        if (of === tenantId || of === SYSTEM_TENANT) changed();
      });
      return () => {
        keys();
        policies();
      };
    },
    maxSubscribers: config.operations.EVENT_STREAM_MAX_SUBSCRIBERS,
    heartbeatMs: config.run.RUN_SSE_HEARTBEAT_S * 1_000,
    stallMs: STALL_MS,
  });
}

function refusals({ platform, policy, gates }: Pick<AppDeps, 'platform' | 'policy' | 'gates'>) {
  const judge = new KeyJudge({ operatorTenantId: platform.config.auth.OPERATOR_TENANT_ID, inactiveDays: undefined });
  const ofKey = ({ tenantId, apiKeyId }: Principal, ip: string): ErrorRow | undefined => {
    if (!policy.keys.isFresh(tenantId, apiKeyId)) return authErrors.unavailable;
    const row = policy.keys.get(tenantId, apiKeyId);
    if (row === undefined) return authErrors.unauthorized;
    const { role, scopes } = judge.principalOf(row);
    const inScope = scopes === undefined || outOfScope(scopes, ENDPOINT, ip) === undefined;
    return role === 'admin' && inScope ? undefined : httpErrors.forbidden;
  };
  const look = async (caller: CallerContext): Promise<ErrorRow | undefined> => {
    const { principal, tenantId, ip } = caller;
    const ofCredential = principal.authMethod === 'api_key' ? ofKey(principal, ip) : undefined;
    const refused = ofCredential ?? (await gates.authorization.refusal('audit.read', caller, { id: null }));
    if (refused !== undefined) return refused;
    const enabled = await gates.entitlements.enabled(tenantId, 'feature.audit_access');
    return enabled ? undefined : httpErrors.featureNotEnabled;
  };
  return (caller: CallerContext): Promise<ErrorRow | undefined> =>
    look(caller).catch((error: unknown) => {
      if (error instanceof CatalogueError) return error.row;
      throw error;
    });
}
