import type { UsageRow, UsedBy } from '#domain/capabilities/usage/usage.projection.js';
import type { Resource } from './usage.contract.js';
import { storedByDay } from './usage-sums.queries.js';
import { dayAfter, type StorageChanges } from './usage-tables.queries.js';

interface Line {
  readonly tenant_id: string;
  readonly day: string;
  readonly resource: Resource;
  /** What of the resource: an endpoint, `input`, `stored` … */
  readonly item: string;
  readonly quantity: number;
  readonly unit: 'requests' | 'quota_units' | 'runs' | 'tokens' | 'documents' | 'bytes';
}

const names = ['tenant_id', 'day', 'resource', 'item', 'quantity', 'unit'] as const;

export interface Exported {
  readonly tenantId: string;
  readonly first: string;
  /** The last day that is told of. */
  readonly last: string;
  readonly days: readonly UsageRow[];
  readonly changes: StorageChanges;
}

/** The usage of a tenant for billing, one line a day, resource and item, in one order; the same rows give the same bytes. */
export function* exportText(exported: Exported, format: 'csv' | 'jsonl'): Generator<string> {
  if (format === 'csv') yield `${names.join(',')}\r\n`;
  for (const line of linesOf(exported)) {
    if (format === 'jsonl') yield `${JSON.stringify(line)}\n`;
    else yield `${names.map((name) => cell(line[name])).join(',')}\r\n`;
  }
}

function* linesOf({ tenantId: tenant_id, first, last, days, changes }: Exported): Generator<Line> {
  const used = new Map(days.map((row) => [row.id, row]));
  let count = 0;
  while (dayAfter(first, count) <= last) count += 1;
  for (const [day, bytes] of storedByDay(changes, first, count)) {
    const row = used.get(day);
    if (row !== undefined) for (const line of linesOfDay(row)) yield { tenant_id, day, ...line };
    yield { tenant_id, day, resource: 'storage', item: 'stored', quantity: bytes, unit: 'bytes' };
  }
}

function* linesOfDay(row: UsageRow): Generator<Omit<Line, 'tenant_id' | 'day'>> {
  const calls = Object.entries(row.by_route as UsedBy).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [item, [requests, units]] of calls) {
    yield { resource: 'api_calls', item, quantity: requests, unit: 'requests' };
    if (units > 0) yield { resource: 'api_calls', item, quantity: units, unit: 'quota_units' };
  }
  yield { resource: 'runs', item: 'started', quantity: row.runs_started, unit: 'runs' };
  yield { resource: 'runs', item: 'succeeded', quantity: row.runs_succeeded, unit: 'runs' };
  yield { resource: 'tokens', item: 'input', quantity: row.input_tokens, unit: 'tokens' };
  yield { resource: 'tokens', item: 'output', quantity: row.output_tokens, unit: 'tokens' };
  yield { resource: 'tokens', item: 'estimated', quantity: row.estimated_tokens, unit: 'tokens' };
  yield { resource: 'documents', item: 'ingested', quantity: row.documents_ingested, unit: 'documents' };
}

/** No cell begins a formula: endpoints begin with a verb, and tenants with a letter, a digit or `_`. */
function cell(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
