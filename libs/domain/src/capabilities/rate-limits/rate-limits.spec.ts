import { foldRow } from '../../kernel/projection.js';
import { recorded, specify } from '../../kernel/testing/given.js';
import { effectiveLimits, limitTable, rateLimitErrors, rateLimits } from './rate-limits.decider.js';
import type { ChangeRateLimits } from './rate-limits.decider.js';
import type { RateLimitEvent, TenantLimit } from './rate-limits.events.js';
import { rateLimitRows } from './rate-limits.projection.js';

const configured = limitTable((scope) => (scope === 'api_key' ? { rps: 5, burst: 20 } : { rps: 15, burst: 60 }));
const limit = (more: Partial<TenantLimit> = {}): TenantLimit => ({
  scope: 'api_key',
  routeClass: 'read',
  rps: 2,
  burst: 10,
  ...more,
});
const change = (by: 'operator' | 'tenant', ...limits: TenantLimit[]): ChangeRateLimits => ({
  type: 'ChangeRateLimits',
  data: { by, limits, configured },
});
const changed = (by: 'operator' | 'tenant', ...limits: TenantLimit[]): RateLimitEvent => ({
  type: 'RateLimitsChanged',
  data: { tenantId: 't1', by, limits },
});

describe('the rate limits of a tenant', () => {
  it('are lowered by the tenant itself', () => {
    specify(rateLimits).given().when(change('tenant', limit())).then(changed('tenant', limit()));
  });

  it.each([limit({ rps: 5.1 }), limit({ burst: 21 }), limit({ scope: 'tenant', burst: 61 })])(
    'are not raised above the configured ones by the tenant: %j',
    (high) => {
      specify(rateLimits).given().when(change('tenant', high)).refuses(rateLimitErrors.aboveCeiling);
    },
  );

  it('are raised by an operator, which raises what the tenant may set', () => {
    const high = limit({ rps: 50, burst: 100 });
    specify(rateLimits).given().when(change('operator', high)).then(changed('operator', high));
    specify(rateLimits)
      .given(changed('operator', high))
      .when(change('tenant', limit({ rps: 40 })))
      .then(changed('tenant', limit({ rps: 40 })));
  });

  it('cannot be raised again by a tenant that an operator has slowed down', () => {
    specify(rateLimits)
      .given(changed('operator', limit({ rps: 1, burst: 1 })))
      .when(change('tenant', limit()))
      .refuses(rateLimitErrors.aboveCeiling, {
        scope: 'api_key',
        route_class: 'read',
        ceiling_rps: 1,
        ceiling_burst: 1,
      });
  });

  it.each([limit({ routeClass: 'mutation', burst: 0 }), limit({ routeClass: 'mutation', rps: 0 })])(
    'never lock the tenant out of changing them: %j',
    (closed) => {
      specify(rateLimits).given().when(change('tenant', closed)).refuses(rateLimitErrors.lockout);
    },
  );

  it('may be closed by an operator', () => {
    const closed = limit({ routeClass: 'mutation', rps: 0, burst: 0 });
    specify(rateLimits).given().when(change('operator', closed)).then(changed('operator', closed));
  });

  it('are not given twice for one class', () => {
    specify(rateLimits)
      .given()
      .when(change('operator', limit(), limit({ rps: 1 })))
      .refuses(rateLimitErrors.twice);
  });

  it('do not change when the same is said again', () => {
    specify(rateLimits).given(changed('tenant', limit())).when(change('tenant', limit())).thenNothing();
  });

  it('are the configured ones again when nothing is set', () => {
    specify(rateLimits).given(changed('tenant', limit())).when(change('tenant')).then(changed('tenant'));
    expect(effectiveLimits(configured, { operator: [], tenant: [] })).toEqual(configured);
  });

  it('are never above what the operator set, also when that came later', () => {
    const state = { operator: [limit({ rps: 1, burst: 3 })], tenant: [limit({ rps: 2, burst: 2 })] };
    expect(effectiveLimits(configured, state).api_key.read).toEqual({ rps: 1, burst: 2 });
    expect(effectiveLimits(configured, state).tenant).toEqual(configured.tenant);
  });

  it('stand in one row, each side by itself', () => {
    const first = foldRow(rateLimitRows, recorded(changed('operator', limit({ rps: 9 }))), undefined);
    const row = foldRow(rateLimitRows, recorded(changed('tenant', limit())), first);
    expect(row).toMatchObject({ id: 't1', tenant_id: 't1', operator: [limit({ rps: 9 })], tenant: [limit()] });
  });
});
