import { runErrors, runs, type RunCommand } from '#domain/capabilities/runs/runs.decider.js';
import { sessionSubject } from '#domain/capabilities/sessions/sessions.decider.js';
import type { Voice } from '#api/commands/voice.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Facts } from '#domain/kernel/decider.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import { effectiveTopK } from '#domain/kernel/retrieval/retrieval-settings.js';
import type { CommandContext, CommandPath } from '#infra/commands/command-path.js';
import { derivedId } from '#infra/commands/ids.js';
import { patiently } from '#infra/commands/patiently.js';
import type { Position } from '#infra/event-log/event-log.js';
import type { ContentRef, ContentStore, Subject } from '#infra/content/content-store.js';
import type { RecordedStreams } from '#infra/recorded-streams/recorded-streams.js';
import type { StreamKey, StreamWriter } from '#infra/recorded-streams/stream-writer.js';
import { SlotsTaken, type FairSlots, type Slot } from '#infra/shared-state/fair-slots.js';
import {
  failureFrames,
  finalFrames,
  heartbeatFrame,
  runFrame,
  type FrameContext,
  type MakeFrame,
} from './run-frames.contract.js';
import type { RunAsked } from './run-admission.handler.js';
import { progressOf, runGraph, type RunInput, type RunWorld, type Saved } from './run-graph.adapter.js';
import { errorData, lost, outcomeOf, RunClock, type Outcome, messageOf } from './run-outcome.adapter.js';
import type { RunPresence } from './run-presence.handler.js';
import { writeAll } from './run-rescue.handler.js';
import { spokenAnswer } from './run-voice.adapter.js';

export interface RunSettings {
  readonly heartbeatMs: number;
  /** How long a run goes on after its last client left, in milliseconds. */
  readonly graceMs: number;
  readonly debugEvents: boolean;
}

export interface RunDeps extends Omit<RunWorld, 'save'> {
  readonly path: CommandPath;
  readonly content: ContentStore;
  readonly streams: RecordedStreams;
  readonly presence: RunPresence;
  /** Of all tenants, shared fairly. */
  readonly slots: FairSlots;
  readonly voice: Voice;
  readonly settings: RunSettings;
  readonly onError: (error: unknown, runId: string) => void;
}

interface Active {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

interface Job {
  readonly key: StreamKey;
  readonly asked: RunAsked;
  readonly facts: Facts;
  readonly context: CommandContext;
  readonly frames: FrameContext;
  readonly writer: StreamWriter;
  /** Where the log stood when the run began. */
  readonly position: Position | null;
  readonly signal: AbortSignal;
  readonly startedAt: number;
}

const BEAT_MS = 3_000;

/** Runs questions to answers. Every frame is recorded before it is sent, and the outcome is an event before it is told. */
export class RunExecutor {
  private readonly active = new Set<Active>();
  private readonly answered = new WeakSet<Job>();
  private readonly graph: ReturnType<typeof runGraph>;

  constructor(private readonly deps: RunDeps) {
    this.graph = runGraph({
      ...deps,
      save: ({ tenantId, conversation: { id, life } }, { text, citations, finishReason }, trace) =>
        this.keep(sessionSubject(tenantId, id, life), 'run-answer', { text, citations, finishReason, trace }),
    });
  }

  /** Runs that this process answers now. */
  get inFlight(): number {
    return this.deps.slots.taken;
  }

  /** Starts a run under `runId` and gives the stream to follow; false when the run exists already. */
  async start(runId: string, asked: RunAsked, facts: Facts, context: CommandContext): Promise<boolean> {
    const key = { tenantId: facts.tenantId, streamId: runId };
    const slot = await this.slot(key);
    if (slot === undefined) return false;
    const abort = new AbortController();
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    // Not by run id: a twin under the same Idempotency-Key comes and goes while the run goes on.
    const run: Active = { abort, ended };
    this.active.add(run);
    const done = (): void => {
      slot.release();
      this.active.delete(run);
      end();
    };
    try {
      const begun = await this.begin(key, asked, facts, context);
      if (begun === undefined) return (done(), false);
      const frames = { runId, requestId: facts.requestId ?? runId, sessionId: asked.sessionId };
      const { signal } = abort;
      const job = { key, asked, facts, context, frames, ...begun, signal, startedAt: Date.now() };
      void this.drive(job, abort).finally(done);
      return true;
    } catch (error) {
      done();
      throw error;
    }
  }

  /** A place for the run; undefined when it exists already. */
  private async slot(key: StreamKey): Promise<Slot | undefined> {
    try {
      return await this.deps.slots.acquire(key.tenantId);
    } catch (error) {
      if (!(error instanceof SlotsTaken)) throw error;
      if ((await this.deps.streams.info(key)) !== undefined) return undefined;
      throw new CatalogueError(runErrors.busy);
    }
  }

  /** Waits for the runs of this process, then cancels what is left. */
  async stop(graceMs: number): Promise<void> {
    const bound = new Promise((resolve) => setTimeout(resolve, graceMs).unref());
    const all = (): Promise<unknown> => Promise.all([...this.active].map((run) => run.ended));
    await Promise.race([all(), bound]);
    for (const run of this.active) run.abort.abort('shutdown');
    await all();
  }

  private async begin(
    key: StreamKey,
    asked: RunAsked,
    facts: Facts,
    context: CommandContext,
  ): Promise<Pick<Job, 'writer' | 'position'> | undefined> {
    const { sessionId, corpusId, topK, conversation } = asked;
    const { id: session, userId, life } = conversation;
    const subject = sessionSubject(key.tenantId, session, life);
    // At one time: where the run is there already, nothing names the message, and the sweeper takes it.
    const [writer, message] = await Promise.all([
      this.deps.streams.open(key, subject, asked.headers),
      this.keep(subject, 'run-message', messageOf(asked)),
    ]);
    if (writer === undefined) return undefined;
    const data = { runId: key.streamId, sessionId, session, life, userId, corpusId, topK, message };
    const { position } = await this.deps.path.run(runs, key.streamId, { type: 'StartRun', data }, facts, context);
    return { writer, position };
  }

  private async drive(job: Job, abort: AbortController): Promise<void> {
    const beat = setInterval(() => void this.beat(job, abort), BEAT_MS);
    const pulse = setInterval(
      () => void job.writer.write(heartbeatFrame(job.frames)).catch((error: unknown) => lost(error, abort)),
      this.deps.settings.heartbeatMs,
    );
    const stopWatching = this.deps.presence.watchOver(job.key, this.deps.settings.graceMs, () =>
      abort.abort('client_left'),
    );
    try {
      await this.answer(job, pulse);
    } catch (error) {
      clearInterval(pulse);
      const late = (cause: unknown): void => this.deps.onError(cause, job.key.streamId);
      // An answer that may be in the log is never followed by an error: what is left to tell, the run's rescue tells.
      if (this.answered.has(job)) late(error);
      else await this.fail(job, error).catch(late);
    } finally {
      clearInterval(beat);
      clearInterval(pulse);
      stopWatching();
    }
  }

  private async beat(job: Job, abort: AbortController): Promise<void> {
    const mine = await job.writer.beat().catch(() => true);
    if (!mine) abort.abort('lost');
  }

  private async answer(job: Job, pulse: NodeJS.Timeout): Promise<void> {
    const writes: Promise<void>[] = [];
    const write = (frame: MakeFrame): void => {
      const written = job.writer.write(frame);
      // Whoever waits for them hears of it; until then nobody does.
      written.catch(() => undefined);
      writes.push(written);
    };
    write(runFrame(job.frames, 'request.accepted', { accepted_at: job.facts.now }));
    const clock = new RunClock();
    let chunkCount = 0;
    for await (const progress of progressOf(this.graph, await this.inputOf(job), job.signal)) {
      pulse.refresh();
      if (progress.kind === 'retrieved') {
        chunkCount = progress.passages.length;
        clock.retrieved();
        const data = { provider: progress.provider, num_chunks: chunkCount };
        if (this.deps.settings.debugEvents) write(runFrame(job.frames, 'debug.retrieval', data));
      }
      if (progress.kind === 'delta') clock.told();
      if (progress.kind === 'delta') write(runFrame(job.frames, 'token.delta', { delta: progress.delta }));
      if (progress.kind === 'saved') {
        const outcome = { ...outcomeOf(progress.answer, clock), chunkCount };
        // Before the outcome, whose event holds the digest of what is told of the speech; heartbeats go on meanwhile.
        const spoken = await spokenAnswer(this.deps.voice, job, progress.answer.text);
        await Promise.allSettled(writes);
        await patiently(() => job.writer.settled());
        // The digest of the last frames goes into the event before they are written: nothing may come between.
        clearInterval(pulse);
        this.answered.add(job);
        await this.complete(job, progress, outcome, finalFrames(job.frames, progress.answer, spoken));
      }
    }
  }

  private async inputOf(job: Job): Promise<RunInput> {
    const { tenantId, streamId: runId } = job.key;
    const { conversation, corpusId, message, topK, corpora, mayRead, corpus, history, options } = job.asked;
    if (corpus.status === 'absent') throw new CatalogueError(runErrors.corpusNotFound);
    const { providerConfig } = corpus;
    const generation = providerConfig['generation'] as JsonObject | undefined;
    const of = { tenantId, runId, conversation, corpusId, corpora, mayRead, message, since: job.position };
    const input = { ...of, history, options, generation, providerConfig, filter: job.asked.filter };
    return { ...input, topK: effectiveTopK(topK, providerConfig) };
  }

  /** The outcome is an event before anyone is told of it. */
  private async complete(job: Job, { ref }: Saved, outcome: Outcome, last: readonly MakeFrame[]): Promise<void> {
    const data = { ...outcome, answer: ref, frames: job.writer.digest(last) };
    await this.record(job, 'end', {
      type: 'CompleteRun',
      data: { ...data, durationMs: Date.now() - job.startedAt },
    });
    await this.end(job.writer, last);
  }

  private async fail(job: Job, error: unknown): Promise<void> {
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
    await this.record(job, 'end', { type: 'FailRun', data: { code: data.code, frames: writer.digest(), durationMs } });
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

  private async record(job: Job, step: string, command: RunCommand): Promise<void> {
    const facts = { ...job.facts, commandId: derivedId(job.facts.commandId, step), now: new Date().toISOString() };
    const context = { ...job.context, causationId: job.facts.commandId };
    await patiently(() => this.deps.path.run(runs, job.key.streamId, command, facts, context));
  }

  private keep(subject: Subject, kind: string, value: object): Promise<ContentRef> {
    return this.deps.content.put(subject, kind, new TextEncoder().encode(JSON.stringify(value)));
  }
}
