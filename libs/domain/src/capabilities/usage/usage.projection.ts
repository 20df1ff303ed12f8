import type { Recorded } from '../../kernel/events.js';
import { defineProjection, type RowOf } from '../../kernel/projection.js';
import { streamIdOf } from '../../kernel/streams.js';
import type { DocumentEvent } from '../documents/documents.events.js';
import type { EmbeddingEvent } from '../embeddings/embeddings.events.js';
import type { RunEvent } from '../runs/runs.events.js';
import type { UsageEvent } from './usage.events.js';

type Counted = UsageEvent | RunEvent | DocumentEvent | EmbeddingEvent;

/** Requests and quota units, in that order: by rate class or by endpoint. */
export type UsedBy = Readonly<Record<string, readonly [requests: number, units: number]>>;

const columns = {
  id: 'text',
  tenant_id: 'text',
  /** When the minute or the day began. */
  start: 'timestamptz',
  requests: 'double precision',
  units: 'double precision',
  /** Both are `UsedBy`. */
  by_class: 'jsonb',
  by_route: 'jsonb',
  runs_started: 'double precision',
  runs_succeeded: 'double precision',
  input_tokens: 'double precision',
  output_tokens: 'double precision',
  /** How many of the tokens were counted by rule instead of by the model. */
  estimated_tokens: 'double precision',
  documents_ingested: 'double precision',
} as const;

export type UsageRow = RowOf<typeof columns>;

/** The instant that an event counts for. */
const instantOf = (event: Recorded<Counted>): string =>
  event.type === 'UsageRecorded' || event.type === 'UsageMinuteForgotten' ? event.data.minute : event.occurredAt;

/** What was used in each span of time; an instant's first `digits` characters name its span. */
function usedIn(table: string, digits: number, rest: string, forgets: boolean) {
  const spanOf = (event: Recorded<Counted>): string => instantOf(event).slice(0, digits);
  const open = (event: Recorded<Counted>, row: UsageRow | undefined): UsageRow =>
    row ?? unused(event, spanOf(event), rest);
  return defineProjection<Counted>()({
    table,
    patient: true,
    version: 2,
    form: 'tally',
    columns,
    indexes: [['tenant_id', 'start', 'id']],
    key: spanOf,
    on: {
      UsageRecorded: (event, row) => served(open(event, row), event.data),
      RunStarted: (event, row) => {
        const used = open(event, row);
        return { ...used, runs_started: used.runs_started + 1 };
      },
      RunCompleted: (event, row) => answered(open(event, row), event.data),
      EmbeddingsCreated: (event, row) => embedded(open(event, row), event.data),
      DocumentIndexed: (event, row) => {
        if (event.data.reindex) return undefined;
        const used = open(event, row);
        return { ...used, documents_ingested: used.documents_ingested + 1 };
      },
      ...(forgets ? { UsageMinuteForgotten: () => null } : {}),
    },
  });
}

/** By minute, for as long as the retention of usage says; the id is `YYYY-MM-DDTHH:MM`. */
export const usageMinutes = usedIn('usage_minutes', 16, ':00.000Z', true);

/** By UTC day, for ever; the id is `YYYY-MM-DD`. A month is the sum of its days. */
export const usageDays = usedIn('usage_days', 10, 'T00:00:00.000Z', false);

function unused(event: Recorded<Counted>, id: string, rest: string): UsageRow {
  return {
    id,
    tenant_id: event.tenantId,
    start: `${id}${rest}`,
    requests: 0,
    units: 0,
    by_class: {},
    by_route: {},
    runs_started: 0,
    runs_succeeded: 0,
    input_tokens: 0,
    output_tokens: 0,
    estimated_tokens: 0,
    documents_ingested: 0,
  };
}

type Served = Extract<UsageEvent, { type: 'UsageRecorded' }>;

function served(row: UsageRow, { requests, units, byClass, byRoute }: Served['data']): UsageRow {
  return {
    ...row,
    requests: row.requests + requests,
    units: row.units + units,
    by_class: added(row.by_class as UsedBy, byClass),
    by_route: added(row.by_route as UsedBy, byRoute),
  };
}

function added(before: UsedBy, more: Served['data']['byRoute']): UsedBy {
  const sums = new Map(Object.entries(before));
  for (const { name, requests, units } of more) {
    const [oldRequests, oldUnits] = sums.get(name) ?? [0, 0];
    sums.set(name, [oldRequests + requests, oldUnits + units]);
  }
  return Object.fromEntries(sums);
}

type Answered = Extract<RunEvent, { type: 'RunCompleted' }>['data'];

function answered(row: UsageRow, { inputTokens, outputTokens, tokensEstimated }: Answered): UsageRow {
  return {
    ...row,
    runs_succeeded: row.runs_succeeded + 1,
    input_tokens: row.input_tokens + inputTokens,
    output_tokens: row.output_tokens + outputTokens,
    estimated_tokens: row.estimated_tokens + (tokensEstimated ? inputTokens + outputTokens : 0),
  };
}

function embedded(row: UsageRow, { tokens, tokensEstimated }: EmbeddingEvent['data']): UsageRow {
  return {
    ...row,
    input_tokens: row.input_tokens + tokens,
    estimated_tokens: row.estimated_tokens + (tokensEstimated ? tokens : 0),
  };
}

const counterColumns = {
  id: 'text',
  tenant_id: 'text',
  day: 'text',
  day_units: 'double precision',
  day_tokens: 'double precision',
  month: 'text',
  month_units: 'double precision',
  month_tokens: 'double precision',
  /** What the periods before hold, which other processes may still add to at midnight. */
  last_day: 'text',
  last_day_units: 'double precision',
  last_day_tokens: 'double precision',
  last_month: 'text',
  last_month_units: 'double precision',
  last_month_tokens: 'double precision',
} as const;

export type CounterRow = RowOf<typeof counterColumns>;

/**
 * What quotas are held against, one row a tenant so that every process can keep it in memory: the newest day and month and
 * the ones before. Older periods are in `usage_days`.
 */
export const usageCounters = defineProjection<Served | RunEvent | EmbeddingEvent>()({
  table: 'usage_counters',
  version: 2,
  form: 'tally',
  columns: counterColumns,
  key: () => 'used',
  on: {
    UsageRecorded: (event, row) =>
      counted(row ?? nothing(event.tenantId), event.data.minute, { units: event.data.units, tokens: 0 }),
    RunCompleted: (event, row) => {
      const tokens = event.data.inputTokens + event.data.outputTokens;
      return counted(row ?? nothing(event.tenantId), event.occurredAt, { units: 0, tokens });
    },
    EmbeddingsCreated: (event, row) =>
      counted(row ?? nothing(event.tenantId), event.occurredAt, { units: 0, tokens: event.data.tokens }),
  },
});

interface Amount {
  readonly units: number;
  readonly tokens: number;
}

/** A counted period and the one before it. */
interface Counter {
  readonly at: string;
  readonly now: Amount;
  readonly lastAt: string;
  readonly last: Amount;
}

const NONE: Amount = { units: 0, tokens: 0 };
const sum = (a: Amount, b: Amount): Amount => ({ units: a.units + b.units, tokens: a.tokens + b.tokens });

/** An older period than the last is nobody's limit any more. */
function count(counter: Counter, at: string, more: Amount): Counter {
  if (at === counter.at) return { ...counter, now: sum(counter.now, more) };
  if (at > counter.at) return { at, now: more, lastAt: counter.at, last: counter.now };
  if (at === counter.lastAt) return { ...counter, last: sum(counter.last, more) };
  return at > counter.lastAt ? { ...counter, lastAt: at, last: more } : counter;
}

function counted(row: CounterRow, instant: string, more: Amount): CounterRow {
  const day = count(counterOf(row, 'day'), instant.slice(0, 10), more);
  const month = count(counterOf(row, 'month'), `${instant.slice(0, 7)}-01`, more);
  return {
    id: row.id,
    tenant_id: row.tenant_id,
    day: day.at,
    day_units: day.now.units,
    day_tokens: day.now.tokens,
    month: month.at,
    month_units: month.now.units,
    month_tokens: month.now.tokens,
    last_day: day.lastAt,
    last_day_units: day.last.units,
    last_day_tokens: day.last.tokens,
    last_month: month.lastAt,
    last_month_units: month.last.units,
    last_month_tokens: month.last.tokens,
  };
}

function counterOf(row: CounterRow, period: 'day' | 'month'): Counter {
  return {
    at: row[period],
    now: { units: row[`${period}_units`], tokens: row[`${period}_tokens`] },
    lastAt: row[`last_${period}`],
    last: { units: row[`last_${period}_units`], tokens: row[`last_${period}_tokens`] },
  };
}

function nothing(tenantId: string): CounterRow {
  const none = { at: '', now: NONE, lastAt: '', last: NONE };
  return {
    id: 'used',
    tenant_id: tenantId,
    day: none.at,
    day_units: 0,
    day_tokens: 0,
    month: none.at,
    month_units: 0,
    month_tokens: 0,
    last_day: none.lastAt,
    last_day_units: 0,
    last_day_tokens: 0,
    last_month: none.lastAt,
    last_month_units: 0,
    last_month_tokens: 0,
  };
}

/** What a counter row says of the period that begins with the day `start`. */
export function usedSince(row: CounterRow | undefined, period: 'day' | 'month', start: string): Amount {
  if (row === undefined) return NONE;
  const { at, now, lastAt, last } = counterOf(row, period);
  if (start === at) return now;
  return start === lastAt ? last : NONE;
}

/** Bytes that a document's text takes, with the change of each day (`[YYYY-MM-DD, bytes]`): what is stored on a day is their sum. */
export const usageStorage = defineProjection<DocumentEvent>()({
  table: 'usage_storage',
  patient: true,
  version: 1,
  columns: { id: 'text', tenant_id: 'text', bytes: 'double precision', changes: 'jsonb' },
  key: (event) => streamIdOf(event.stream),
  on: {
    DocumentSubmitted: (event, row) => stored(event, row, event.data.content.size),
    DocumentDeleted: (event, row) => row && stored(event, row, 0),
  },
});

type StorageRow = {
  readonly id: string;
  readonly tenant_id: string;
  readonly bytes: number;
  readonly changes: unknown;
};
type Change = readonly [day: string, bytes: number];

function stored(event: Recorded<DocumentEvent>, row: StorageRow | undefined, bytes: number) {
  const day = event.occurredAt.slice(0, 10);
  const before = (row?.changes ?? []) as readonly Change[];
  const change = bytes - (row?.bytes ?? 0);
  const last = before.at(-1);
  const changes: readonly Change[] =
    last?.[0] === day ? [...before.slice(0, -1), [day, last[1] + change]] : [...before, [day, change]];
  return { id: streamIdOf(event.stream), tenant_id: event.tenantId, bytes, changes };
}
