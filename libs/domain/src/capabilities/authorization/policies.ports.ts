import type { Json } from '../../kernel/schema.js';
import { compileCondition, type Facts, type Test } from './condition-closures.ports.js';
import { ConditionProblem, looksAt, parseCondition, type Condition, type ConditionLimits } from './condition.ports.js';
import { pairsOf, type Pair } from './pairs.ports.js';

/** A policy as it is stored. */
export interface StoredPolicy {
  readonly policyId: string;
  readonly effect: string;
  readonly resourceType: string;
  readonly action: string;
  readonly condition: Json;
  readonly priority: number;
  readonly enabled: boolean;
}

/** A policy that was understood. `broken`: this build does not understand it, and nobody passes it. */
export interface Policy {
  readonly policyId: string;
  readonly effect: 'allow' | 'deny';
  readonly priority: number;
  readonly condition: Condition | undefined;
  readonly test: Test | undefined;
}

export type Reason =
  | 'abac_disabled'
  | 'policy_deny'
  | 'policy_allow'
  | 'policy_invalid'
  | 'default_deny'
  | 'default_allow'
  | 'tenant_mismatch'
  | 'document_acl_denied'
  | 'role_required'
  | 'operator';

export interface Verdict {
  readonly allowed: boolean;
  readonly reason: Reason;
  readonly policyId: string | null;
}

/** One line of how a verdict came about. */
export interface TraceLine {
  readonly policyId: string;
  readonly effect: 'allow' | 'deny';
  readonly matched: boolean;
  readonly error?: string;
}

/** The policies of one pair, each list by priority, then by id. */
export interface PairPolicies {
  readonly deny: readonly Policy[];
  readonly allow: readonly Policy[];
  /** Whether any of them looks at `resource.metadata`, which is kept apart. */
  readonly looksAtMetadata: boolean;
}

interface Collected extends PairPolicies {
  readonly deny: Policy[];
  readonly allow: Policy[];
  looksAtMetadata: boolean;
}

const none: PairPolicies = { deny: [], allow: [], looksAtMetadata: false };

/** The enabled policies of a tenant and of all tenants, understood once. */
export class PolicySet {
  private readonly byPair = new Map<Pair, Collected>();

  constructor(stored: readonly StoredPolicy[]) {
    const sorted = stored
      .filter(({ enabled }) => enabled)
      .toSorted((a, b) => b.priority - a.priority || (a.policyId < b.policyId ? -1 : 1));
    for (const each of sorted) this.add(each);
  }

  of(pair: Pair): PairPolicies {
    return this.byPair.get(pair) ?? none;
  }

  private add(stored: StoredPolicy): void {
    const policy = understood(stored);
    for (const pair of pairsOf(stored.resourceType, stored.action)) {
      const lists = this.byPair.get(pair) ?? { deny: [], allow: [], looksAtMetadata: false };
      lists[policy.effect].push(policy);
      lists.looksAtMetadata ||= policy.condition !== undefined && looksAt(policy.condition, 'resource', 'metadata');
      this.byPair.set(pair, lists);
    }
  }
}

/** What was saved was within the limits of its day. */
const anyLimits: ConditionLimits = { maxBytes: Infinity, maxDepth: Infinity };

function understood({ policyId, effect, priority, condition }: StoredPolicy): Policy {
  const parsed = parseCondition(condition, anyLimits);
  const known = { policyId, effect: effect === 'allow' ? effect : 'deny', priority } as const;
  if (parsed instanceof ConditionProblem) return { ...known, condition: undefined, test: undefined };
  return { ...known, condition: parsed, test: compileCondition(parsed) };
}

/** Every deny before any allow, whatever the priorities; within each the first that matches decides. */
export function decide({ deny, allow }: PairPolicies, facts: Facts, defaultDeny: boolean): Verdict {
  for (const policy of deny) {
    if (policy.test === undefined) return { allowed: false, reason: 'policy_invalid', policyId: policy.policyId };
    if (policy.test(facts)) return { allowed: false, reason: 'policy_deny', policyId: policy.policyId };
  }
  for (const policy of allow) {
    if (policy.test === undefined) return { allowed: false, reason: 'policy_invalid', policyId: policy.policyId };
    if (policy.test(facts)) return { allowed: true, reason: 'policy_allow', policyId: policy.policyId };
  }
  return { allowed: !defaultDeny, reason: defaultDeny ? 'default_deny' : 'default_allow', policyId: null };
}

/** What every policy of the pair says, in the order in which they are asked. */
export function traceOf({ deny, allow }: PairPolicies, facts: Facts): readonly TraceLine[] {
  return [...deny, ...allow].map(({ policyId, effect, test }) => {
    if (test === undefined) return { policyId, effect, matched: false, error: 'the condition is not understood' };
    return { policyId, effect, matched: test(facts) };
  });
}
