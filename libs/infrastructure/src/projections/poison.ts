import type { Recorded } from '#domain/kernel/events.js';
import type { Database } from '#infra/database/database.js';
import { isTransient } from '#infra/database/database-errors.js';
import { ProjectionFault, type BatchApplier } from './applier.js';
import { keyed } from './batch.js';
import type { Fed } from './fed.js';
import { LeaseLost, type GenerationStore } from './generations.js';
import type { ProgressHub } from './progress.js';
import { MAX_QUARANTINED_KEYS, type QuarantineStore } from './quarantine.js';

const ATTEMPTS = 3;

export interface IsolatorParts {
  readonly database: Database;
  readonly generations: GenerationStore;
  readonly quarantine: QuarantineStore;
  readonly applier: BatchApplier;
  readonly progress: ProgressHub;
  readonly leaseMs: number;
}

/** Finds the one event that a projection cannot take, and puts its key in quarantine so that the rest goes on. */
export class PoisonIsolator {
  constructor(private readonly parts: IsolatorParts) {}

  /** Applies a batch to one generation by halves. True when all of it is behind, false when the projection was stopped. */
  async settle(fed: Fed, events: readonly Recorded[], to: string): Promise<boolean> {
    const relevant = fed.relevant(events);
    try {
      await this.parts.applier.apply([fed], relevant, { after: fed.position, to });
      return true;
    } catch (error) {
      if (!(error instanceof ProjectionFault) || isTransient(error.cause)) throw error;
      if (relevant.length === 0) return this.stop(fed, error.message);
      if (relevant.length === 1) return this.single(fed, relevant, to, error);
    }
    const middle = Math.floor(relevant.length / 2);
    const first = relevant.slice(0, middle);
    const last = first.at(-1);
    if (last !== undefined && !(await this.settle(fed, first, last.position))) return false;
    return this.settle(fed, relevant.slice(middle), to);
  }

  private async single(fed: Fed, events: readonly Recorded[], to: string, first: ProjectionFault): Promise<boolean> {
    let fault = first;
    for (let attempt = 1; attempt < ATTEMPTS; attempt += 1) {
      try {
        await this.parts.applier.apply([fed], events, { after: fed.position, to });
        return true;
      } catch (error) {
        if (!(error instanceof ProjectionFault) || isTransient(error.cause)) throw error;
        fault = error;
      }
    }
    return this.park(fed, events, to, fault);
  }

  private async park(fed: Fed, events: readonly Recorded[], to: string, fault: ProjectionFault): Promise<boolean> {
    const id = keyOf(fed, events);
    if (id === undefined) return this.stop(fed, `the key of event ${events[0]?.id ?? ''}: ${fault.message}`);
    if ((await this.parts.quarantine.keys(fed)).size >= MAX_QUARANTINED_KEYS) {
      return this.stop(fed, `more than ${MAX_QUARANTINED_KEYS} keys are in quarantine; the last: ${fault.message}`);
    }
    await this.parts.database.transaction(async () => {
      await this.parts.generations.move([fed], to, this.parts.leaseMs);
      await this.parts.quarantine.add(fed, id, fault);
    });
    fed.quarantined = undefined;
    fed.position = to;
    this.parts.progress.publish(fed, to);
    return true;
  }

  private async stop(fed: Fed, error: string): Promise<boolean> {
    await this.parts.generations.fail(fed, error);
    return false;
  }
}

function keyOf(fed: Fed, events: readonly Recorded[]): { event: Recorded; id: string } | undefined {
  try {
    return keyed(fed.projection, events)[0];
  } catch {
    return undefined;
  }
}

/** True for what passes by itself; a lost lease does not. */
export function isRetryable(error: unknown): boolean {
  if (error instanceof LeaseLost) return false;
  return isTransient(error instanceof ProjectionFault ? error.cause : error);
}
