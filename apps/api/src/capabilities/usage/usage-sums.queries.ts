import type { UsageRow, UsedBy } from '#domain/capabilities/usage/usage.projection.js';
import type { ApiCallsView, ByClassView, RunsUsedView, TokensUsedView } from './usage.contract.js';
import { dayAfter, type StorageChanges } from './usage-tables.queries.js';

type Counted = keyof {
  [K in keyof UsageRow as UsageRow[K] extends number ? K : never]: K;
};

export const total = (rows: readonly UsageRow[], column: Counted): number =>
  rows.reduce((sum, row) => sum + row[column], 0);

/** Requests and units of all rows, by name. */
function mergedBy(rows: readonly UsageRow[], column: 'by_class' | 'by_route'): Map<string, [number, number]> {
  const sums = new Map<string, [number, number]>();
  for (const row of rows) {
    for (const [name, [requests, units]] of Object.entries(row[column] as UsedBy)) {
      const [oldRequests, oldUnits] = sums.get(name) ?? [0, 0];
      sums.set(name, [oldRequests + requests, oldUnits + units]);
    }
  }
  return sums;
}

export function byClass(rows: readonly UsageRow[]): ByClassView {
  const sums = mergedBy(rows, 'by_class');
  const requests = (name: string): number => sums.get(name)?.[0] ?? 0;
  return { run: requests('run'), read: requests('read'), mutation: requests('mutation'), ops: requests('ops') };
}

export function apiCalls(rows: readonly UsageRow[]): ApiCallsView {
  const endpoints = [...mergedBy(rows, 'by_route')].map(([endpoint, [requests, units]]) => ({
    endpoint,
    requests,
    units,
  }));
  return {
    requests: total(rows, 'requests'),
    units: total(rows, 'units'),
    by_route_class: byClass(rows),
    by_endpoint: endpoints.sort((a, b) => b.requests - a.requests || (a.endpoint < b.endpoint ? -1 : 1)),
  };
}

export function runsUsed(rows: readonly UsageRow[]): RunsUsedView {
  return { started: total(rows, 'runs_started'), succeeded: total(rows, 'runs_succeeded') };
}

export function tokensUsed(rows: readonly UsageRow[]): TokensUsedView {
  const [input, output] = [total(rows, 'input_tokens'), total(rows, 'output_tokens')];
  return { input, output, estimated: total(rows, 'estimated_tokens') };
}

/** What is stored at the end of each day from `first` on, for `days` days. */
export function storedByDay(
  changes: StorageChanges,
  first: string,
  days: number,
): readonly [day: string, bytes: number][] {
  let bytes = 0;
  let next = 0;
  return Array.from({ length: days }, (_, at) => {
    const day = dayAfter(first, at);
    for (let change = changes[next]; change !== undefined && change[0] <= day; change = changes[next]) {
      bytes += change[1];
      next += 1;
    }
    return [day, bytes];
  });
}
