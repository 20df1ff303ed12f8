import { runs, type RunCommand } from '#domain/capabilities/runs/runs.decider.js';
import type { Facts } from '#domain/kernel/decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Voice } from '#api/commands/voice.js';
import type { CommandContext, CommandPath } from '#infra/commands/command-path.js';
import { derivedId } from '#infra/commands/ids.js';
import { patiently } from '#infra/commands/patiently.js';
import type { MakeFrame, StreamKey, StreamWriter } from '#infra/recorded-streams/stream-writer.js';
import type { FailureTraces } from './failure-traces.adapter.js';
import type { RunAsked } from './run-admission.handler.js';
import { failureFrames, finalFrame, finalFrames, speechFrames, type FrameContext } from './run-frames.contract.js';
import type { Saved } from './run-steps.adapter.js';
import { errorData, type Outcome } from './run-outcome.adapter.js';
import type { Pulse } from './run-pulse.adapter.js';
import { writeAll } from './run-rescue.handler.js';
import { spokenAnswer } from './run-voice.adapter.js';

/** A run that this process answers. */
export interface RunJob {
  readonly key: StreamKey;
  readonly asked: RunAsked;
  readonly facts: Facts;
  readonly context: CommandContext;
  readonly frames: FrameContext;
  readonly writer: StreamWriter;
  readonly signal: AbortSignal;
  readonly startedAt: number;
}

export interface RunEndingDeps {
  readonly path: CommandPath;
  readonly voice: Voice;
  /** What was retrieved for runs that fail. */
  readonly traces: FailureTraces;
  readonly onError: (error: unknown, runId: string) => void;
}

/** How runs end: in the log first, then in their streams. */
export class RunEnding {
  constructor(private readonly deps: RunEndingDeps) {}

  /** The outcome is an event before anyone is told of it. */
  async complete(job: RunJob, { ref, answer }: Saved, outcome: Outcome): Promise<void> {
    const { writer, frames, asked, startedAt } = job;
    const last = asked.audio ? [finalFrame(frames, answer)] : finalFrames(frames, answer);
    const data = { ...outcome, answer: ref, frames: writer.digest(last), durationMs: Date.now() - startedAt };
    await this.record(job, 'end', { type: 'CompleteRun', data });
    await (asked.audio ? this.tell(writer, last) : this.end(writer, last));
  }

  /** The text is told by now; heartbeats go on until its speech is there, or has failed. */
  async speak(job: RunJob, text: string, pulse: Pulse): Promise<void> {
    pulse.start();
    const spoken = await spokenAnswer(this.deps.voice, job, text);
    pulse.stop();
    await patiently(() => job.writer.settled());
    const last = speechFrames(job.frames, spoken);
    const data = { told: spoken.type, frames: job.writer.digest(last) };
    await this.record(job, 'speech', { type: 'TellSpeech', data });
    await this.end(job.writer, last);
  }

  /** The stream and the log say why there is no answer. */
  async fail(job: RunJob, error: unknown): Promise<void> {
    const { writer, frames, signal } = job;
    const reason: unknown = signal.reason;
    if (signal.aborted && reason === 'lost') return;
    if (signal.aborted && (reason === 'client_left' || reason === 'shutdown')) {
      await this.tell(writer, failureFrames(frames, { code: 'RUN_CANCELLED', message: 'The run was cancelled' }));
      await this.record(job, 'end', { type: 'CancelRun', data: { reason, frames: writer.digest() } });
      await this.end(writer);
      return;
    }
    const row = error instanceof CatalogueError ? error.row : undefined;
    if (row === undefined) this.deps.onError(error, job.key.streamId);
    const data = row === undefined ? { code: 'UNKNOWN_ERROR', message: 'The run failed' } : errorData(row);
    await this.tell(writer, failureFrames(frames, data));
    const durationMs = Date.now() - job.startedAt;
    const outcome = { code: data.code, frames: writer.digest(), durationMs, trace: await this.deps.traces.keep(job) };
    await this.record(job, 'end', { type: 'FailRun', data: outcome });
    await this.end(writer);
  }

  /** Frames keep their place while the store is away. */
  private async tell(writer: StreamWriter, frames: readonly MakeFrame[]): Promise<void> {
    await writeAll(writer, frames).catch(() => patiently(() => writer.settled()));
  }

  private async end(writer: StreamWriter, last: readonly MakeFrame[] = []): Promise<void> {
    let left = last;
    await patiently(() => {
      const frames = left;
      left = [];
      return writer.end(frames);
    });
  }

  private async record(job: RunJob, step: string, command: RunCommand): Promise<void> {
    const facts = { ...job.facts, commandId: derivedId(job.facts.commandId, step), now: new Date().toISOString() };
    const context = { ...job.context, causationId: job.facts.commandId };
    await patiently(() => this.deps.path.run(runs, job.key.streamId, command, facts, context));
  }
}
