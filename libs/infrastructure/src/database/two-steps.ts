import type { Row } from './planned-statement.js';
import type { OrderedStatement } from './prepared.js';

/** What follows of the rows of the first statements; it may ask more in the same transaction. */
export type SecondStep = (rows: readonly Row[][]) => Promise<readonly OrderedStatement[]>;

export interface StepOptions {
  /** `derived`: the commit does not wait for the disk. */
  readonly durability?: 'now' | 'derived';
}

/** The statements that begin and end a transaction. */
interface Ends {
  readonly begin: readonly OrderedStatement[];
  readonly commit: OrderedStatement;
}

interface Steps {
  /** Runs statements in order on the transaction's connection. */
  readonly run: (statements: readonly OrderedStatement[]) => Promise<Row[][]>;
  /** Runs `work` so that what it asks is part of the transaction. */
  readonly within: <T>(work: () => Promise<T>) => Promise<T>;
  /** Undefined where the transaction is somebody else's. */
  readonly ends: Ends | undefined;
  readonly rollback: () => Promise<unknown>;
}

const always = (text: string): OrderedStatement => ({ text, values: [], often: true });
const BEGIN = always('begin isolation level read committed');
const LATER = always('set local synchronous_commit = off');
const COMMIT = always('commit');

export function endsOf({ durability = 'now' }: StepOptions): Ends {
  return { begin: durability === 'now' ? [BEGIN] : [BEGIN, LATER], commit: COMMIT };
}

/** Runs `first`, and what `then` makes of their rows, in one transaction, of which nothing stays where something fails. */
export async function twoSteps(first: readonly OrderedStatement[], then: SecondStep, steps: Steps): Promise<void> {
  const { run, within, ends } = steps;
  const { begin, commit } = ends ?? { begin: [], commit: undefined };
  try {
    const rows = await run([...begin, ...first]);
    const last = await within(() => then(rows.slice(begin.length)));
    await run(commit === undefined ? last : [...last, commit]);
  } catch (error) {
    if (ends !== undefined) await steps.rollback().catch(() => undefined);
    throw error;
  }
}
