import type { PairPolicies, Policy } from '#domain/capabilities/authorization/policies.ports.js';
import type { Facts } from '#domain/capabilities/authorization/condition-closures.ports.js';
import { CatalogueError, defineErrors } from '#domain/kernel/errors.js';
import type { VisibilityPredicate } from '#infra/retrieval/retrieval-sql.js';
import { allOf, anyOf, conditionSql, notSql, type RowCondition, type SqlContext } from './condition-sql.js';

/** The verdict of the policies of a pair on each row: as `decide` gives it, which holds no row against the order of priorities. */
export function policiesSql({ deny, allow }: PairPolicies, context: SqlContext, defaultDeny: boolean): RowCondition {
  // A policy that this build does not understand lets nobody pass who comes to it.
  const denied = anyOf(deny.map((policy) => sqlOf(policy, context) ?? true));
  if (denied === true) return false;
  const brokenAt = allow.findIndex(({ condition }) => condition === undefined);
  if (brokenAt < 0 && !defaultDeny) return notSql(denied);
  const reached = brokenAt < 0 ? allow : allow.slice(0, brokenAt);
  return allOf([notSql(denied), anyOf(reached.map((policy) => sqlOf(policy, context) ?? false))]);
}

function sqlOf({ condition }: Policy, context: SqlContext): RowCondition | undefined {
  return condition === undefined ? undefined : conditionSql(condition, context);
}

export const policyQueryErrors = defineErrors('policy-queries', {
  tooLarge: [
    'conflict',
    'AUTHZ_POLICIES_TOO_LARGE',
    'The policies of the tenant are too large for lists and searches; an admin must make them smaller',
  ],
});

/** A statement holds 65,535 parameters at most; rules that need more than this are refused. */
const MOST_VALUES = 20_000;
const LONGEST_SQL = 4_000_000;

/**
 * A condition that is known to fit a statement; one that does not throws CatalogueError `tooLarge`, since nobody should take
 * an empty list for the truth. Only values that are in its text become parameters, since one that is not has no type.
 */
export function fitting(build: (alias: string, next: SqlContext['next']) => RowCondition): VisibilityPredicate {
  const tried = laidOut(build, 'd');
  if (tried.text === 'false') return () => 'false';
  if (tried.values.length > MOST_VALUES || tried.text.length > LONGEST_SQL)
    throw new CatalogueError(policyQueryErrors.tooLarge);
  return (alias, next) => {
    const { text, values } = laidOut(build, alias);
    const placed = new Map<string, string>();
    return text.replace(PLACE, (_, at: string) => {
      const place = placed.get(at) ?? next(values[Number(at)]);
      placed.set(at, place);
      return place;
    });
  };
}

/** Where a value will stand; no text of ours holds the like, and values are never in it. */
const PLACE = /\{(\d+)\}/g;

function laidOut(build: (alias: string, next: SqlContext['next']) => RowCondition, alias: string) {
  const values: unknown[] = [];
  const text = String(build(alias, (value) => `{${values.push(value) - 1}}`));
  return { text, values };
}

/** The rows on which the policies of every pair say yes; `columns` by the names of their variables. Undefined: on all, whatever is in them. */
export function rowsPredicate(
  policies: readonly PairPolicies[],
  facts: Facts,
  columns: Readonly<Record<string, string>>,
  defaultDeny: boolean,
): VisibilityPredicate | undefined {
  const verdict = (alias: string, next: SqlContext['next']): RowCondition => {
    const column = ([name = '', ...rest]: readonly string[]): string | undefined => {
      const found = rest.length === 0 && Object.hasOwn(columns, name) ? columns[name] : undefined;
      return found === undefined ? undefined : `to_jsonb(${alias}.${found})`;
    };
    return allOf(policies.map((each) => policiesSql(each, { facts, next, column }, defaultDeny)));
  };
  const tried = verdict('d', () => '$1');
  if (tried === true) return undefined;
  return Object.assign(fitting(verdict), { varies: typeof tried === 'string' });
}
