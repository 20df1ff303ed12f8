import type { Recorded } from '#domain/kernel/events.js';
import type { AnyReaction, Effect } from '#domain/kernel/reaction.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { StoredEvent } from '#infra/event-log/event-log.js';
import { COMMANDS, TRACE_FIELD, type CommandEffect } from './command-job.js';
import { effectId } from './job-ids.js';
import type { NewJob } from './job-queue.js';
import type { Failure } from './reaction-store.js';

export type ToRecorded = (stored: StoredEvent) => Recorded | undefined;

export interface PlannedJob extends NewJob {
  readonly queue: string;
}

/** What one reaction makes of a batch: jobs, how far it came, and why it came no further. */
export interface Plan {
  readonly jobs: readonly PlannedJob[];
  readonly to: string;
  readonly failure: Failure | undefined;
}

/** Runs a reaction over the events after `from`. It stops before the first event that it cannot handle. */
export function planReaction(
  reaction: AnyReaction,
  batch: { readonly events: readonly StoredEvent[]; readonly from: string; readonly to: string },
  tools: { readonly toRecorded: ToRecorded; readonly knows: (queue: string) => boolean },
): Plan {
  const jobs: PlannedJob[] = [];
  let done = batch.from;
  for (const event of batch.events) {
    if (event.position <= batch.from || !Object.hasOwn(reaction.on, event.type)) continue;
    try {
      jobs.push(...jobsOf(reaction, event, tools));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { jobs, to: done, failure: { error: message, event: event.id, position: event.position } };
    }
    done = event.position;
  }
  return { jobs, to: batch.to, failure: undefined };
}

function jobsOf(
  reaction: AnyReaction,
  stored: StoredEvent,
  tools: { readonly toRecorded: ToRecorded; readonly knows: (queue: string) => boolean },
): PlannedJob[] {
  const event = tools.toRecorded(stored);
  if (event === undefined) throw new Error(`${stored.type} version ${stored.schemaVersion} is not known to this build`);
  const react = (reaction.on as Readonly<Record<string, (event: Recorded) => readonly Effect[]>>)[event.type];
  return (react?.(event) ?? []).map((effect, index) => {
    const id = effectId(event.id, reaction.name, index);
    const job = effect.kind === 'job' ? jobEffect(effect, event, id) : commandEffect(effect, event, id);
    if (!tools.knows(job.queue)) throw new Error(`no job is named ${job.queue}`);
    return job;
  });
}

function jobEffect(effect: Extract<Effect, { kind: 'job' }>, event: Recorded, id: string): PlannedJob {
  const { job: queue, afterSeconds } = effect;
  const { traceparent } = event.metadata;
  const data = traceparent === null ? effect.data : { ...effect.data, [TRACE_FIELD]: traceparent };
  return afterSeconds === undefined ? { queue, id, data } : { queue, id, data, afterSeconds };
}

function commandEffect(effect: Extract<Effect, { kind: 'command' }>, event: Recorded, id: string): PlannedJob {
  const { correlationId, requestId, traceparent } = event.metadata;
  const data: CommandEffect = {
    category: effect.category,
    streamId: effect.streamId,
    command: { type: effect.command.type, data: effect.command.data as JsonObject },
    tenantId: event.tenantId,
    causationId: event.id,
    correlationId: correlationId ?? event.id,
    requestId,
    traceparent,
  };
  return { queue: COMMANDS, id, data: data as unknown as JsonObject };
}
