import type { AnyDecider } from './decider.js';
import type { ErrorRow } from './errors.js';
import type { EventTable } from './events.js';
import type { AnyJob } from './job.js';
import type { AnyProjection } from './projection.js';
import type { AnyReaction } from './reaction.js';

/** All that a capability gives to the machinery. Its name is the folder's name, kebab-case, everywhere. */
export interface Capability {
  readonly name: string;
  /** The log that its events are in: `domain`, kept for ever, or `access`, cut by retention. */
  readonly log: 'domain' | 'access';
  readonly events: EventTable;
  readonly errors: Readonly<Record<string, ErrorRow>>;
  readonly deciders: readonly AnyDecider[];
  readonly projections: readonly AnyProjection[];
  readonly reactions: readonly AnyReaction[];
  readonly jobs: readonly AnyJob[];
  /** Read-model columns that name contents; what no such column names, and is old enough, is swept. */
  readonly namesContent: readonly { readonly projection: AnyProjection; readonly column: string }[];
}

export function defineCapability(declared: Pick<Capability, 'name' | 'events'> & Partial<Capability>): Capability {
  return {
    log: 'domain',
    errors: {},
    deciders: [],
    projections: [],
    reactions: [],
    jobs: [],
    namesContent: [],
    ...declared,
  };
}
