import type { AppendResult } from './event-log.js';
import { positionOf, type PreparedAppend } from './prepared-append.js';

/** What log.append_fitting gives: where the log stood before the batch, and when that was recorded. */
export interface FittingRow {
  readonly base: string;
  readonly recorded_at: string;
}

/** Whether each append names the revision of a stream of its own, so that what comes of it is known but for its place in the log. */
export function isUsual(batch: readonly PreparedAppend[]): boolean {
  const streams = new Set(batch.map(({ stream }) => stream));
  return streams.size === batch.length && batch.every((append) => before(append) !== undefined);
}

/** What log.append_fitting takes beyond the arguments of log.append_batch: the revision of each event. */
export function fittingArguments(batch: readonly PreparedAppend[]): unknown[] {
  return [batch.flatMap((append) => append.events.map((_, at) => (before(append) ?? 0) + 1 + at))];
}

/** Outcomes of a batch that fitted, in order; `base` is the position before it, `companions` says which of each append's are stored. */
export function fittingOutcomes(
  batch: readonly PreparedAppend[],
  base: bigint,
  companions: readonly (readonly boolean[])[],
): readonly AppendResult[] {
  let position = base;
  return batch.map((append, at) => {
    position += BigInt(append.events.length);
    const revision = (before(append) ?? 0) + append.events.length;
    const result = { revision, position: positionOf(String(position)), deduplicated: false };
    return append.companions.length === 0 ? result : { ...result, companions: companions[at] ?? [] };
  });
}

/** The revision of the stream before the append, -1 where there is none; undefined where the append leaves it open. */
function before({ expected }: PreparedAppend): number | undefined {
  if (expected === 'no-stream') return -1;
  return typeof expected === 'object' ? expected.revision : undefined;
}
