import type { Recorded } from '#domain/kernel/events.js';
import { isTransient } from '#infra/database/database-errors.js';
import { ProjectionFault, type BatchApplier, type BatchRange } from './applier.js';
import { backoff } from './backoff.js';
import type { Fed } from './fed.js';
import { LeaseLost, type GenerationStore } from './generations.js';
import type { PoisonIsolator } from './poison.js';

/** Gets a batch behind several generations, whatever it takes: retries, isolation, or dropping what was lost. */
export class Settler {
  constructor(
    private readonly applier: BatchApplier,
    private readonly isolator: PoisonIsolator,
    private readonly generations: GenerationStore,
    private readonly onProblem: (error: unknown) => void,
  ) {}

  /**
   * Gives the generations that are still ours and have passed the range, or were set back before it by a crash of the server, which
   * forgot their last commits: those have to read again. Stops early, with those, when the signal aborts.
   */
  async settle(
    feds: readonly Fed[],
    events: readonly Recorded[],
    range: BatchRange,
    signal: AbortSignal,
  ): Promise<readonly Fed[]> {
    let mine = feds;
    const setBack: Fed[] = [];
    for (let attempt = 1; mine.length > 0 && !signal.aborted; attempt += 1) {
      try {
        await this.applier.apply(mine, events, range);
        break;
      } catch (error) {
        if (isPoison(error)) {
          mine = await this.apart(mine, events, range, signal);
          break;
        }
        this.onProblem(error);
        await backoff(attempt, signal);
        mine = await this.generations.reload(mine).catch(() => mine);
        setBack.push(...mine.filter(({ position }) => position < range.after));
        mine = mine.filter(({ position }) => position >= range.after);
      }
    }
    return [...mine, ...setBack];
  }

  private async apart(feds: readonly Fed[], events: readonly Recorded[], range: BatchRange, signal: AbortSignal) {
    const kept: Fed[] = [];
    for (const fed of feds) if (await this.alone(fed, events, range, signal)) kept.push(fed);
    return kept;
  }

  private async alone(
    fed: Fed,
    events: readonly Recorded[],
    { after, to }: BatchRange,
    signal: AbortSignal,
  ): Promise<boolean> {
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      if (fed.position < after) return true;
      try {
        return await this.isolator.settle(fed, events, to);
      } catch (error) {
        this.onProblem(error);
        if (error instanceof LeaseLost && (await this.generations.reload([fed])).length === 0) return false;
        await backoff(attempt, signal);
        await this.generations.reload([fed]).catch(() => []);
      }
    }
    return false;
  }
}

function isPoison(error: unknown): boolean {
  return error instanceof ProjectionFault && !isTransient(error.cause);
}
