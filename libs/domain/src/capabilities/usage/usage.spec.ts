import { foldRow, type Projection } from '../../kernel/projection.js';
import type { DomainEvent } from '../../kernel/events.js';
import { recorded, specify } from '../../kernel/testing/given.js';
import { usageRetention } from './usage.decider.js';
import { usageCounters, usageDays, usageMinutes, usageStorage, usedSince } from './usage.projection.js';

const served = (minute: string, requests = 2, units = 4) => ({
  type: 'UsageRecorded' as const,
  data: {
    process: 'p1',
    minute,
    requests,
    units,
    byClass: [{ name: 'read', requests, units }],
    byRoute: [{ name: 'GET /v1/corpora', requests, units }],
  },
});
const completed = {
  type: 'RunCompleted' as const,
  data: { runId: 'r', sessionId: 's', inputTokens: 30, outputTokens: 12, tokensEstimated: true } as never,
};
const indexed = (reindex: boolean) => ({
  type: 'DocumentIndexed' as const,
  data: { documentId: 'd', reindex } as never,
});

function folded(projection: unknown, events: readonly (DomainEvent & { at?: string })[]) {
  let row: unknown;
  for (const { at, ...event } of events)
    row = foldRow(projection as Projection, recorded(event, at === undefined ? {} : { occurredAt: at }), row as never);
  return row;
}

describe('what was used in a minute', () => {
  it('is summed over processes by class and by endpoint, and belongs to the minute that was served in', () => {
    const event = recorded(served('2026-01-02T03:04:00.000Z'), { occurredAt: '2026-01-02T03:05:01.000Z' });
    expect(usageMinutes.key(event)).toBe('2026-01-02T03:04');
    expect(usageDays.key(event)).toBe('2026-01-02');
    expect(folded(usageMinutes, [event, event])).toMatchObject({
      id: '2026-01-02T03:04',
      start: '2026-01-02T03:04:00.000Z',
      requests: 4,
      units: 8,
      by_class: { read: [4, 8] },
      by_route: { 'GET /v1/corpora': [4, 8] },
    });
  });

  it('counts a run when it starts and its tokens when it has answered', () => {
    const started = { type: 'RunStarted', data: { runId: 'r' } };
    expect(folded(usageDays, [started, started, completed])).toMatchObject({
      id: '2026-01-02',
      runs_started: 2,
      runs_succeeded: 1,
      input_tokens: 30,
      output_tokens: 12,
      estimated_tokens: 42,
      requests: 0,
    });
  });

  it('is forgotten by the minute, and stays in its day', () => {
    const event = served('2026-01-02T03:04:00.000Z');
    const forgotten = { type: 'UsageMinuteForgotten' as const, data: { minute: event.data.minute } };
    expect(usageMinutes.key(recorded(forgotten))).toBe('2026-01-02T03:04');
    expect(folded(usageMinutes, [event, forgotten])).toBeUndefined();
    expect(folded(usageDays, [event, forgotten])).toMatchObject({ requests: 2 });
    specify(usageRetention)
      .given(forgotten)
      .when({ type: 'ForgetMinutes', data: { minutes: [event.data.minute, '2026-01-02T03:05:00.000Z'] } })
      .then({ type: 'UsageMinuteForgotten', data: { minute: '2026-01-02T03:05:00.000Z' } });
  });

  it('counts a document once, not again when it is indexed anew', () => {
    expect(folded(usageDays, [indexed(false), indexed(true)])).toMatchObject({ documents_ingested: 1 });
    expect(folded(usageDays, [indexed(true)])).toBeUndefined();
  });
});

describe('what is counted for a quota', () => {
  const at = (day: string) => served(`${day}T10:00:00.000Z`, 1, 3);
  const row = (...days: readonly string[]) => folded(usageCounters, days.map(at)) as never;

  it('is the sum of the day and of the month', () => {
    const counters = row('2026-01-02', '2026-01-02', '2026-01-03');
    expect(usedSince(counters, 'day', '2026-01-03')).toEqual({ units: 3, tokens: 0 });
    expect(usedSince(counters, 'day', '2026-01-02')).toEqual({ units: 6, tokens: 0 });
    expect(usedSince(counters, 'month', '2026-01-01')).toEqual({ units: 9, tokens: 0 });
  });

  it('takes what another process tells late of the day before, and nothing of older days', () => {
    const counters = row('2026-01-31', '2026-02-01', '2026-01-31', '2026-01-05');
    expect(usedSince(counters, 'day', '2026-01-31')).toEqual({ units: 6, tokens: 0 });
    expect(usedSince(counters, 'day', '2026-01-05')).toEqual({ units: 0, tokens: 0 });
    expect(usedSince(counters, 'month', '2026-01-01')).toEqual({ units: 9, tokens: 0 });
    expect(usedSince(counters, 'month', '2026-02-01')).toEqual({ units: 3, tokens: 0 });
  });

  it('counts the tokens of runs, and nothing for a tenant that used nothing', () => {
    const counters = folded(usageCounters, [at('2026-01-02'), completed]) as never;
    expect(usedSince(counters, 'day', '2026-01-02')).toEqual({ units: 3, tokens: 42 });
    expect(usedSince(undefined, 'day', '2026-01-02')).toEqual({ units: 0, tokens: 0 });
    expect(usedSince(counters, 'day', '')).toEqual({ units: 0, tokens: 0 });
  });
});

describe('the bytes that a document takes', () => {
  const submitted = (size: number, at: string) => ({ type: 'DocumentSubmitted', data: { content: { size } }, at });
  const deleted = (at: string) => ({ type: 'DocumentDeleted', data: { documentId: 'd' }, at });

  it('change with each text, by day, and end with its deletion', () => {
    const history = [
      submitted(100, '2026-01-01T01:00:00.000Z'),
      submitted(40, '2026-01-03T01:00:00.000Z'),
      submitted(50, '2026-01-03T02:00:00.000Z'),
    ];
    expect(folded(usageStorage, history)).toMatchObject({
      bytes: 50,
      changes: [
        ['2026-01-01', 100],
        ['2026-01-03', -50],
      ],
    });
    expect(folded(usageStorage, [...history, deleted('2026-01-04T00:00:00.000Z')])).toMatchObject({
      bytes: 0,
      changes: [
        ['2026-01-01', 100],
        ['2026-01-03', -50],
        ['2026-01-04', -50],
      ],
    });
  });
});
