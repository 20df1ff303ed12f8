import { Field } from '#api/http/fields.js';
import { PageQuery } from '#api/http/paging.js';
import { QuotaBlock } from '#api/http/quota-view.js';

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const MONTH = /^\d{4}-\d{2}$/;
export const metrics = ['requests', 'runs', 'tokens', 'documents', 'storage'] as const;
export type Metric = (typeof metrics)[number];
export const resources = ['api_calls', 'runs', 'tokens', 'documents', 'storage'] as const;
export type Resource = (typeof resources)[number];

export class AdminUsageQuery {
  @Field.enum(['day', 'month'], { does: 'Which period begins there', default: 'day' })
  period!: 'day' | 'month';

  @Field.string({ does: 'A UTC day; of a month any of its days', pattern: DAY, example: '2026-01-31' })
  start!: string;
}

export class AdminUsageView {
  @Field.string({ example: 't1' })
  tenant_id!: string;

  @Field.enum(['day', 'month'])
  period_type!: 'day' | 'month';

  @Field.string({ does: 'The first day of the period', example: '2026-01-01' })
  period_start!: string;

  @Field.integer({ does: 'Quota units: what the limits on requests are held against', example: 120 })
  requests_count!: number;

  @Field.integer({ does: 'Tokens of runs, counted by rule where no model counted them', example: 900 })
  estimated_tokens_count!: number;
}

export class WindowQuery {
  @Field.integer({ does: 'How many UTC days, today included', min: 1, max: 90, default: 30 })
  window_days!: number;
}

export class ByClassView {
  @Field.integer()
  run!: number;

  @Field.integer()
  read!: number;

  @Field.integer()
  mutation!: number;

  @Field.integer()
  ops!: number;
}

export class RequestsView {
  @Field.integer({ does: 'Requests that reached their handler' })
  total!: number;

  @Field.object(() => ByClassView)
  by_route_class!: ByClassView;
}

export class RateLimitHitsView {
  @Field.integer()
  count!: number;

  @Field.instant({ nullable: true })
  last_at!: string | null;
}

export class IngestionView {
  @Field.integer()
  queued!: number;

  @Field.integer()
  processing!: number;

  @Field.integer()
  succeeded!: number;

  @Field.integer()
  failed!: number;
}

export class RunsUsedView {
  @Field.integer()
  started!: number;

  @Field.integer()
  succeeded!: number;
}

export class TokensUsedView {
  @Field.integer()
  input!: number;

  @Field.integer()
  output!: number;

  @Field.integer({ does: 'How many of them were counted by rule, not by a model' })
  estimated!: number;
}

export class UsageSummaryView {
  @Field.integer({ example: 30 })
  window_days!: number;

  @Field.object(() => RequestsView)
  requests!: RequestsView;

  @Field.object(() => QuotaBlock)
  quota!: QuotaBlock;

  @Field.object(() => RateLimitHitsView)
  rate_limit_hits!: RateLimitHitsView;

  @Field.object(() => IngestionView, {
    does: 'Documents whose last ingestion was asked for in the window, by its state',
  })
  ingestion!: IngestionView;

  @Field.object(() => RunsUsedView)
  runs!: RunsUsedView;

  @Field.object(() => TokensUsedView)
  tokens!: TokensUsedView;

  @Field.integer({ does: 'Bytes that are stored now' })
  storage_bytes!: number;
}

export class TimeseriesQuery {
  @Field.enum(metrics, { does: 'What is counted', default: 'requests' })
  metric!: Metric;

  @Field.enum(['day', 'minute'], { does: 'By minute for at most 7 days; storage by day only', default: 'day' })
  granularity!: 'day' | 'minute';

  @Field.integer({ does: 'How many UTC days, today included', min: 1, max: 90, default: 30 })
  days!: number;
}

export class PointView {
  @Field.string({ does: 'A UTC day, or when a minute began', example: '2026-01-31' })
  ts!: string;

  @Field.integer({ example: 12 })
  value!: number;
}

export class TimeseriesView {
  @Field.enum(metrics)
  metric!: Metric;

  @Field.enum(['day', 'minute'])
  granularity!: 'day' | 'minute';

  @Field.list(() => PointView, { does: 'One a day or minute, oldest first, also where nothing was used' })
  points!: PointView[];
}

const tenant = () =>
  Field.string({ does: 'Another tenant than the caller’s, for platform operators', max: 64, optional: true });

export class PeriodQuery {
  @tenant()
  tenant_id?: string;

  @Field.enum(['day', 'month'], { does: 'The UTC day or month of `start`', default: 'day' })
  period!: 'day' | 'month';

  @Field.string({ does: 'A UTC day; today by default', pattern: DAY, optional: true, example: '2026-01-31' })
  start?: string;
}

export class EndpointUsedView {
  @Field.string({ example: 'GET /v1/corpora' })
  endpoint!: string;

  @Field.integer()
  requests!: number;

  @Field.integer({ does: 'Quota units' })
  units!: number;
}

export class ApiCallsView {
  @Field.integer()
  requests!: number;

  @Field.integer({ does: 'Quota units' })
  units!: number;

  @Field.object(() => ByClassView)
  by_route_class!: ByClassView;

  @Field.list(() => EndpointUsedView, { does: 'The most called first' })
  by_endpoint!: EndpointUsedView[];
}

export class PeriodUsageView {
  @Field.string({ example: 't1' })
  tenant_id!: string;

  @Field.enum(['day', 'month'])
  period!: 'day' | 'month';

  @Field.string({ does: 'The first day', example: '2026-01-01' })
  start!: string;

  @Field.string({ does: 'The last day', example: '2026-01-31' })
  end!: string;

  @Field.object(() => ApiCallsView)
  api_calls!: ApiCallsView;

  @Field.object(() => RunsUsedView)
  runs!: RunsUsedView;

  @Field.object(() => TokensUsedView)
  tokens!: TokensUsedView;

  @Field.integer()
  documents_ingested!: number;

  @Field.integer({ does: 'Bytes that were stored at the end of the period' })
  storage_bytes!: number;
}

export class DetailsQuery extends PageQuery {
  @tenant()
  tenant_id?: string;

  @Field.enum(resources, { does: 'By minute; storage by day' })
  resource!: Resource;

  @Field.instant({ does: 'The first instant; today’s midnight by default', optional: true })
  from?: string;

  @Field.instant({ does: 'The instant after the last; now by default', optional: true })
  to?: string;
}

export class UsageDetailView {
  @Field.instant({ does: 'When the minute, or for storage the day, began' })
  start!: string;

  @Field.enum(resources)
  resource!: Resource;

  @Field.integer({ does: 'Requests, runs started, tokens, documents or bytes' })
  quantity!: number;

  @Field.json({ does: 'What the quantity is made of, e.g. requests by endpoint', example: { 'GET /v1/corpora': 12 } })
  parts!: object;
}

export class ExportQuery {
  @tenant()
  tenant_id?: string;

  @Field.enum(['month'], { does: 'The length of the period', default: 'month' })
  period!: 'month';

  @Field.string({ does: 'A UTC month; the current one by default', pattern: MONTH, optional: true, example: '2026-01' })
  month?: string;

  @Field.enum(['csv', 'jsonl'], { does: 'Comma-separated values, or one JSON object a line', default: 'csv' })
  format!: 'csv' | 'jsonl';
}
