import { foldRow } from '../../kernel/projection.js';
import { recorded, specify } from '../../kernel/testing/given.js';
import { DEFAULT_QUOTA, MAX_LIMIT, quotaErrors, quotas } from './quotas.decider.js';
import type { QuotaEvent } from './quotas.events.js';
import { quotaRows } from './quotas.projection.js';

const changed = (over: object = {}): QuotaEvent => ({
  type: 'QuotaChanged',
  data: { tenantId: 't1', ...DEFAULT_QUOTA, ...over },
});
const both = { dayUsed: 80, dayLimit: 100, monthUsed: 300, monthLimit: null } as const;
const day = { period: 'day', start: '2026-01-02', metric: 'requests', used: 80, limit: 100, ...both } as const;
const reached = (type: 'QuotaSoftCapReached' | 'QuotaHardCapReached', over: object = {}): QuotaEvent => ({
  type,
  data: { tenantId: 't1', ...day, softCapRatio: 0.8, hardCap: true, ...over },
});
const note = (cap: 'soft' | 'hard', over: object = {}) =>
  ({ type: 'NoteCapReached', data: { cap, ...day, ...over } }) as const;

describe('the quota of a tenant', () => {
  it('is unlimited until someone limits it, and an event holds all six values', () => {
    specify(quotas)
      .given()
      .when({ type: 'ChangeQuota', data: { dailyRequests: 100 } })
      .then(changed({ dailyRequests: 100 }));
  });

  it('keeps what a change does not name, and clears what it names null', () => {
    specify(quotas)
      .given(changed({ dailyRequests: 100, monthlyTokens: 5 }))
      .when({ type: 'ChangeQuota', data: { dailyRequests: null, hardCap: false } })
      .then(changed({ monthlyTokens: 5, hardCap: false }));
  });

  it('is not changed to what it is', () => {
    specify(quotas)
      .given(changed({ dailyRequests: 0 }))
      .when({ type: 'ChangeQuota', data: { dailyRequests: 0 } })
      .thenNothing();
    specify(quotas).given().when({ type: 'ChangeQuota', data: {} }).thenNothing();
  });

  it.each([-1, 1.5, MAX_LIMIT + 1, Number.NaN])('has no limit of %d', (dailyRequests) => {
    specify(quotas).given().when({ type: 'ChangeQuota', data: { dailyRequests } }).refuses(quotaErrors.invalidLimit);
  });

  it.each([-0.1, 1.1, Number.NaN])('has no soft cap ratio of %d', (softCapRatio) => {
    specify(quotas).given().when({ type: 'ChangeQuota', data: { softCapRatio } }).refuses(quotaErrors.invalidRatio);
  });

  it('stands in its row as it was set last', () => {
    const row = foldRow(quotaRows, recorded(changed({ dailyRequests: 7 })), undefined);
    expect(row).toMatchObject({ id: 't1', daily_requests: 7, monthly_requests: null, hard_cap: true });
    expect(foldRow(quotaRows, recorded(reached('QuotaSoftCapReached')), row)).toBe(row);
  });
});

describe('a cap of a quota', () => {
  it('is reached once a period, whoever says so, and says under which rule', () => {
    specify(quotas)
      .given(changed({ dailyRequests: 100, softCapRatio: 0.5, hardCap: false }))
      .when(note('soft'))
      .then(reached('QuotaSoftCapReached', { softCapRatio: 0.5, hardCap: false }));
    specify(quotas)
      .given(reached('QuotaSoftCapReached'))
      .when(note('soft', { used: 99 }))
      .thenNothing();
  });

  it('is another one for the hard cap, the month, the tokens and the next day', () => {
    const given = specify(quotas).given(reached('QuotaSoftCapReached'));
    given.when(note('hard')).then(reached('QuotaHardCapReached'));
    const month = { period: 'month', start: '2026-01-01' };
    given.when(note('soft', month)).then(reached('QuotaSoftCapReached', month));
    given.when(note('soft', { metric: 'tokens' })).then(reached('QuotaSoftCapReached', { metric: 'tokens' }));
    const next = { start: '2026-01-03' };
    given.when(note('soft', next)).then(reached('QuotaSoftCapReached', next));
  });

  it('is not told of a period that is over', () => {
    specify(quotas)
      .given(reached('QuotaHardCapReached'))
      .when(note('hard', { start: '2026-01-01' }))
      .thenNothing();
  });

  it('stays told when the limit is changed', () => {
    specify(quotas)
      .given(reached('QuotaHardCapReached'), changed({ dailyRequests: 500 }))
      .when(note('hard'))
      .thenNothing();
  });
});
