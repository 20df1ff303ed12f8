import type { Json } from '#domain/kernel/schema.js';
import { quoted, type ViewSql } from './columns.js';

/** A value, null, or a range: `from` inclusive, `before` exclusive. */
export type Condition<V> = V | { readonly in: readonly V[] } | { readonly from?: V; readonly before?: V };
export type Where<R> = { readonly [K in keyof R]?: Condition<R[K]> };

/** Collects the parameters of one statement. */
export class Params {
  readonly values: unknown[] = [];

  /** The placeholder of a value, whose type the statement says. */
  readonly next = (value: unknown): string => `$${this.values.push(value)}`;

  /** The placeholder of a value, cast to its column's type. */
  add(value: unknown, type: string): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}

/** The SQL of the conditions, each in parentheses. Throws TypeError for a column that the read model does not have. */
export function conditionsSql(sql: ViewSql, where: Readonly<Record<string, unknown>>, params: Params): string[] {
  return Object.entries(where).flatMap(([name, condition]) => {
    if (condition === undefined) return [];
    const type = sql.columns.get(name)?.type;
    if (type === undefined) throw new TypeError(`${sql.view} has no column ${name}`);
    return conditionSql(`t.${quoted(name)}`, type, condition, params);
  });
}

/** A condition that a read model's own columns do not say: SQL over its alias, values through `next`. */
export interface Matching {
  readonly sql: (alias: string, next: (value: unknown) => string) => string;
  /** Stands for the condition in a list's cursor, which fits no other list. */
  readonly name: Json;
}

/** A part of a word, in any of these text columns, whatever its case. */
export interface Search<R> {
  readonly columns: readonly (keyof R & string)[];
  readonly text: string;
}

/** The SQL of a search: every character of the text stands for itself, also those that LIKE gives a meaning. */
export function searchSql(sql: ViewSql, { columns, text }: Search<never>, params: Params): string {
  const pattern = `lower(${params.add(`%${text.replace(/[\\%_]/g, '\\$&')}%`, 'text')})`;
  const found = columns.map((name) => {
    if (sql.columns.get(name)?.type !== 'text') throw new TypeError(`${sql.view} has no text column ${name}`);
    return `lower(t.${quoted(name)}) like ${pattern}`;
  });
  return `(${found.join(' or ')})`;
}

function conditionSql(column: string, type: string, condition: Condition<Json>, params: Params): string[] {
  if (condition === null) return [`(${column} is null)`];
  if (typeof condition !== 'object' || type === 'jsonb' || Array.isArray(condition)) {
    const value = type === 'jsonb' ? JSON.stringify(condition) : condition;
    return [`(${column} = ${params.add(value, type)})`];
  }
  const range = condition as { readonly in?: readonly Json[]; readonly from?: Json; readonly before?: Json };
  if (range.in !== undefined) return [`(${column} = any(${params.add(range.in, `${type}[]`)}))`];
  return [
    ...(range.from === undefined ? [] : [`(${column} >= ${params.add(range.from, type)})`]),
    ...(range.before === undefined ? [] : [`(${column} < ${params.add(range.before, type)})`]),
  ];
}
