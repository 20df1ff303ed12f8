import type { Json } from '../../kernel/schema.js';
import { ConditionProblem, parseCondition, type Condition, type Operand } from './condition.ports.js';
import { pairsOf, type Pair } from './pairs.ports.js';

/** The policies of these become part of the query that reads a list, or searches. */
const queried = new Set<Pair>(['document.read', 'corpus.read', 'run.read']);

/**
 * The most that the policies of one owner may weigh for one pair. A query carries those of a tenant and those of all: together
 * they stay below what it holds, with room for what is asked besides.
 */
export const MOST_WEIGHT = 9_000;

export interface Weighed {
  readonly resourceType: string;
  readonly action: string;
  readonly condition: Json;
  readonly enabled: boolean;
}

/** What the policies in force weigh together, for each pair whose policies are part of a query. */
export function weightsOf(policies: readonly Weighed[]): ReadonlyMap<Pair, number> {
  const weights = new Map<Pair, number>();
  for (const { resourceType, action, condition, enabled } of policies) {
    const pairs = enabled ? pairsOf(resourceType, action).filter((pair) => queried.has(pair)) : [];
    if (pairs.length === 0) continue;
    const parsed = parseCondition(condition, { maxBytes: Infinity, maxDepth: Infinity });
    const weight = parsed instanceof ConditionProblem ? 0 : weightOf(parsed);
    for (const pair of pairs) weights.set(pair, (weights.get(pair) ?? 0) + weight);
  }
  return weights;
}

/** At least the number of its parameters, and a 120th of its length, as part of a query. What looks at no resource is decided before. */
function weightOf(condition: Condition): number {
  switch (condition.op) {
    case 'constant':
      return 0;
    case 'all':
    case 'any':
      return condition.of.reduce((sum, each) => sum + weightOf(each), 1);
    case 'not':
      return 1 + weightOf(condition.of);
    case 'time_between':
    case 'date_between':
      return looksAtResource(condition.value) ? 2 + sideOf(condition.value) : 0;
    default: {
      const { left, right } = condition;
      return looksAtResource(left) || looksAtResource(right) ? sideOf(left) + sideOf(right) : 0;
    }
  }
}

const METADATA = 12;

function sideOf(operand: Operand): number {
  if (operand.kind === 'literal' || operand.path[0] !== 'resource') return 1;
  return operand.path.length - 1 + (operand.path[1] === 'metadata' ? METADATA : 0);
}

function looksAtResource(operand: Operand): boolean {
  return operand.kind === 'variable' && operand.path[0] === 'resource';
}
