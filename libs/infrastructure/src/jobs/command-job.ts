import { defineJob, type AnyJob } from '#domain/kernel/job.js';
import type { JsonObject } from '#domain/kernel/schema.js';

/** The queue of the commands that reactions ask for. */
export const COMMANDS = 'commands';

/** Where a job's data keep the trace context of the event that asked for it; its handler does not see it. */
export const TRACE_FIELD = '$trace';

/** A command that an event caused, as its job carries it. */
export interface CommandEffect {
  readonly category: string;
  readonly streamId: string;
  readonly command: { readonly type: string; readonly data: JsonObject };
  readonly tenantId: string;
  /** The event that caused it, and what that event belongs to. */
  readonly causationId: string;
  readonly correlationId: string | null;
  readonly requestId: string | null;
  readonly traceparent: string | null;
}

/** Runs a command whose id is the job's id, so that a repetition finds its own events. A refusal is its answer: no throw. */
export type RunCommand = (effect: CommandEffect, jobId: string) => Promise<void>;

/** The built-in job that carries out the commands of reactions. */
export function commandJob(run: RunCommand): AnyJob {
  return defineJob<JsonObject, unknown>({
    name: COMMANDS,
    retryLimit: 10,
    retryDelaySeconds: 1,
    timeoutSeconds: 60,
    concurrency: 8,
    handle: ({ id, data }) => run(data as unknown as CommandEffect, id),
  });
}
