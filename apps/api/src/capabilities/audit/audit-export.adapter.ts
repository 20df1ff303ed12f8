import type { AuditEventView } from './audit.contract.js';

const COLUMNS = [
  'id',
  'occurred_at',
  'tenant_id',
  'actor_type',
  'actor_id',
  'actor_role',
  'event_type',
  'outcome',
  'resource_type',
  'resource_id',
  'request_id',
  'ip_address',
  'user_agent',
  'metadata_json',
  'error_code',
  'log',
  'position',
  'stream',
  'revision',
] as const satisfies readonly (keyof AuditEventView)[];

export const mediaTypes = { csv: 'text/csv; charset=utf-8', jsonl: 'application/jsonl; charset=utf-8' } as const;

/** The lines of an export, each page of events as one chunk: no more than two pages are in memory, however long the list. */
export async function* exported(
  format: 'csv' | 'jsonl',
  pages: AsyncIterable<readonly AuditEventView[]>,
): AsyncGenerator<string, void, undefined> {
  if (format === 'csv') yield `${COLUMNS.join(',')}\r\n`;
  for await (const events of pages) {
    if (events.length > 0) yield events.map(format === 'csv' ? csvLine : jsonLine).join('');
  }
}

const jsonLine = (event: AuditEventView): string => `${JSON.stringify(event)}\n`;

function csvLine(event: AuditEventView): string {
  return `${COLUMNS.map((name) => cell(event[name])).join(',')}\r\n`;
}

/** One cell (RFC 4180), which no spreadsheet takes for a formula. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const harmless = /^[=+\-@\t\r\n]/.test(text) && typeof value !== 'number' ? `'${text}` : text;
  return /[",\r\n\t']/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
