import { runs, type RunCommand } from '#domain/capabilities/runs/runs.decider.js';
import { sessionSubject } from '#domain/capabilities/sessions/sessions.decider.js';
import type { Facts } from '#domain/kernel/decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Voice } from '#api/commands/voice.js';
import type { CommandContext, CommandPath } from '#infra/commands/command-path.js';
import { derivedId } from '#infra/commands/ids.js';
import { patiently } from '#infra/commands/patiently.js';
import type { Answer } from '#infra/adapters/llm/answerer.js';
import type { ContentStore, EnclosedContent } from '#infra/content/content-store.js';
import type { Position } from '#infra/event-log/event-log.js';
import type { Companion } from '#infra/event-log/companions.js';
import {
  StreamLost,
  type MakeFrame,
  type StreamKey,
  type StreamWriter,
} from '#infra/recorded-streams/stream-writer.js';
import type { FailureTraces } from './failure-traces.adapter.js';
import type { RunAsked } from './run-admission.handler.js';
import { failureFrames, finalFrame, finalFrames, speechFrames, type FrameContext } from './run-frames.contract.js';
import type { Answered } from './run-steps.adapter.js';
import { errorData, type Outcome } from './run-outcome.adapter.js';
import type { Pulse } from './run-pulse.adapter.js';
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
  readonly content: Pick<ContentStore, 'enclose'>;
  /** Called with where the log stands before anyone is told what it holds of a run. */
  readonly told: (tenantId: string, position: Position | null) => void;
  readonly voice: Voice;
  /** What was retrieved for runs that fail. */
  readonly traces: FailureTraces;
  readonly onError: (error: unknown, runId: string) => void;
}

/** What is stored with an event of a run: the frames that tell of it, with `ended` the end of its stream, and what the event names. */
interface Told {
  readonly frames: readonly MakeFrame[];
  readonly ended: boolean;
  readonly companions?: readonly Companion[];
  readonly onAppend?: () => void;
}

/** How runs end: in the log and in their streams at one time. */
export class RunEnding {
  constructor(private readonly deps: RunEndingDeps) {}

  /** Makes an answer, and what led to it, ready to be stored with the event that names it. */
  enclose({ key, asked }: RunJob, { answer, trace, remembered }: Answered): Promise<EnclosedContent> {
    const { id, life } = asked.conversation;
    const { text, citations, finishReason } = answer;
    return this.deps.content.enclose({
      subject: sessionSubject(key.tenantId, id, life),
      kind: 'run-answer',
      bytes: Buffer.from(JSON.stringify({ text, citations, finishReason, trace, remembered })),
    });
  }

  /** Every frame so far must be stored, and nobody may write any more once `onAppend` was called. */
  async complete(
    job: RunJob,
    { answer, content }: { readonly answer: Answer; readonly content: EnclosedContent },
    outcome: Outcome,
    onAppend: () => void,
  ): Promise<void> {
    const { writer, frames: context, asked, startedAt } = job;
    const frames = asked.audio ? [finalFrame(context, answer)] : finalFrames(context, answer);
    const digest = writer.digest(frames);
    const data = { ...outcome, answer: content.ref, frames: digest, durationMs: Date.now() - startedAt };
    const told = { frames, ended: !asked.audio, companions: content.companions, onAppend };
    await this.record(job, 'end', { type: 'CompleteRun', data }, told);
  }

  /** The text is told by now; heartbeats go on until its speech is there, or has failed. */
  async speak(job: RunJob, text: string, pulse: Pulse): Promise<void> {
    pulse.start();
    const spoken = await spokenAnswer(this.deps.voice, job, text);
    pulse.stop();
    await patiently(() => job.writer.settled());
    const frames = speechFrames(job.frames, spoken);
    const data = { told: spoken.type, frames: job.writer.digest(frames) };
    await this.record(job, 'speech', { type: 'TellSpeech', data }, { frames, ended: true });
  }

  /** The stream and the log say why there is no answer. */
  async fail(job: RunJob, error: unknown): Promise<void> {
    const reason: unknown = job.signal.reason;
    if (job.signal.aborted && reason === 'lost') return;
    // Frames keep their place while the store is away.
    await patiently(() => job.writer.settled());
    if (job.signal.aborted && (reason === 'client_left' || reason === 'shutdown')) return this.cancel(job, reason);
    const row = error instanceof CatalogueError ? error.row : undefined;
    if (row === undefined) this.deps.onError(error, job.key.streamId);
    const data = row === undefined ? { code: 'UNKNOWN_ERROR', message: 'The run failed' } : errorData(row);
    const frames = failureFrames(job.frames, data);
    const durationMs = Date.now() - job.startedAt;
    const trace = await this.deps.traces.keep(job);
    const outcome = { code: data.code, frames: job.writer.digest(frames), durationMs, trace };
    await this.record(job, 'end', { type: 'FailRun', data: outcome }, { frames, ended: true });
  }

  private async cancel(job: RunJob, reason: 'client_left' | 'shutdown'): Promise<void> {
    const frames = failureFrames(job.frames, { code: 'RUN_CANCELLED', message: 'The run was cancelled' });
    const data = { reason, frames: job.writer.digest(frames) };
    await this.record(job, 'end', { type: 'CancelRun', data }, { frames, ended: true });
  }

  /** StreamLost when another process has ended the run. */
  private async record(job: RunJob, step: string, command: RunCommand, told: Told): Promise<void> {
    const { key, writer } = job;
    const recording = await writer.recording(told.frames, told.ended);
    const facts = { ...job.facts, commandId: derivedId(job.facts.commandId, step), now: new Date().toISOString() };
    const companions = [...(told.companions ?? []), recording.companion];
    const context = { ...job.context, causationId: job.facts.commandId, companions, onAppend: told.onAppend };
    const stored = await patiently(() => this.deps.path.run(runs, key.streamId, command, facts, context));
    if (!stored.accompanied) throw new StreamLost(key.streamId);
    this.deps.told(key.tenantId, stored.position);
    recording.told();
  }
}
