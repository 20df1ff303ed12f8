import { runErrors, runs, type StartRun } from '#domain/capabilities/runs/runs.decider.js';
import { sessionSubject } from '#domain/capabilities/sessions/sessions.decider.js';
import type { Voice } from '#api/commands/voice.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Facts } from '#domain/kernel/decider.js';
import type { CommandContext, CommandPath } from '#infra/commands/command-path.js';
import { patiently } from '#infra/commands/patiently.js';
import { refOf, type ContentStore } from '#infra/content/content-store.js';
import { AppendRefused, type Position } from '#infra/event-log/event-log.js';
import type { RecordedStreams } from '#infra/recorded-streams/recorded-streams.js';
import type { MakeFrame, StreamKey } from '#infra/recorded-streams/stream-writer.js';
import { SlotsTaken, type FairSlots, type Slot } from '#infra/shared-state/fair-slots.js';
import { heartbeatFrame, runFrame } from './run-frames.contract.js';
import type { RunAsked } from './run-admission.handler.js';
import { FailureTraces } from './failure-traces.adapter.js';
import { Ahead } from './run-ahead.adapter.js';
import { inputOf, isLocal, progressOf, type RunProgress, type RunWorld } from './run-steps.adapter.js';
import { heardData, lost, outcomeOf, RunClock, messageOf } from './run-outcome.adapter.js';
import { Pulse } from './run-pulse.adapter.js';
import { RunEnding, type RunJob } from './run-ending.handler.js';
import type { RunPresence } from './run-presence.handler.js';

export interface RunSettings {
  readonly heartbeatMs: number;
  /** How long a run goes on after its last client left, in milliseconds. */
  readonly graceMs: number;
  readonly debugEvents: boolean;
}

export interface RunDeps extends RunWorld {
  readonly path: CommandPath;
  /** Called with where the log stands before anyone is told what it holds of a run. */
  readonly told: (tenantId: string, position: Position | null) => void;
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

interface NewJob extends Omit<RunJob, 'writer'> {
  readonly clock: RunClock;
}

interface Job extends RunJob, NewJob {
  readonly progress: AsyncIterable<RunProgress>;
  /** Of how many steps of its progress the frames are stored since it began. */
  readonly told: number;
}

const BEAT_MS = 3_000;

/** Runs questions to answers. Every frame is recorded before it is sent, and a run begins and ends in the log and in its stream at one time. */
export class RunExecutor {
  private readonly active = new Set<Active>();
  private readonly answered = new WeakSet<Job>();
  private readonly traces: FailureTraces;
  private readonly ending: RunEnding;

  constructor(private readonly deps: RunDeps) {
    this.traces = new FailureTraces(deps);
    this.ending = new RunEnding({ ...deps, traces: this.traces });
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
    let driven = false;
    try {
      const frames = { runId, requestId: facts.requestId ?? runId, sessionId: asked.sessionId };
      const given = { key, asked, facts, context, frames, signal: abort.signal };
      const job = await this.begin({ ...given, startedAt: Date.now(), clock: new RunClock() });
      if (job === undefined) return (abort.abort('not_begun'), false);
      driven = true;
      void this.drive(job, abort).finally(done);
      return true;
    } catch (error) {
      abort.abort('not_begun');
      throw error;
    } finally {
      if (!driven) done();
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

  private async begin(job: NewJob): Promise<Job | undefined> {
    const { key, asked, facts, context } = job;
    const { sessionId, corpusId, topK, conversation } = asked;
    const { id: session, userId, life } = conversation;
    const subject = sessionSubject(key.tenantId, session, life);
    // What only reads need not wait until the run is stored; what costs its tenant something waits until it is known to be new.
    const early = isLocal(asked.corpus) ? new Ahead(this.progress(job)) : undefined;
    const message = await this.deps.content.seal({ subject, kind: 'run-message', bytes: bytesOf(messageOf(asked)) });
    // What can be told at once is stored at once, too; no model is asked before the run is known to be new.
    const soon = early !== undefined && this.quotes(job) ? await early.soon() : [];
    const first = [...firstFrames(job), ...soon.flatMap((progress) => this.framesOf(progress, job))];
    const opening = await this.deps.streams.opening(key, subject, {
      headers: asked.headers,
      first,
      contents: [message],
    });
    const data = { runId: key.streamId, sessionId, session, life, userId, corpusId, topK, message: refOf(message) };
    const isNew = await this.record(key, { type: 'StartRun', data }, facts, {
      ...context,
      fresh: true,
      companions: [opening.companion],
    });
    if (!isNew) return undefined;
    const progress = early ?? new Ahead(this.progress(job));
    return { ...job, writer: opening.begin(), progress, told: soon.length };
  }

  private quotes({ key, asked }: NewJob): boolean {
    return this.deps.answerer.quotes(inputOf(key, asked).generation);
  }

  /** The run and its stream, at one time; false when they are there already. */
  private async record(key: StreamKey, command: StartRun, facts: Facts, context: CommandContext): Promise<boolean> {
    try {
      const { accompanied, position } = await this.deps.path.run(runs, key.streamId, command, facts, context);
      this.deps.told(key.tenantId, position);
      return accompanied;
    } catch (error) {
      if (error instanceof AppendRefused) return false;
      const there = error instanceof CatalogueError && error.row === runErrors.alreadyStarted;
      if (there && (await this.deps.streams.info(key)) !== undefined) return false;
      throw error;
    }
  }

  private async *progress({ key, asked, signal, clock }: NewJob): AsyncIterable<RunProgress> {
    for await (const progress of progressOf(this.deps, inputOf(key, asked), signal)) {
      clock.note(progress.kind);
      yield progress;
    }
  }

  private async drive(job: Job, abort: AbortController): Promise<void> {
    const beat = setInterval(() => void this.beat(job, abort), BEAT_MS);
    const pulse = new Pulse(
      () => void job.writer.write(heartbeatFrame(job.frames)).catch((error: unknown) => lost(error, abort)),
      this.deps.settings.heartbeatMs,
    );
    pulse.start();
    const stopWatching = this.deps.presence.watchOver(job.key, this.deps.settings.graceMs, () =>
      abort.abort('client_left'),
    );
    try {
      await this.answer(job, pulse);
    } catch (error) {
      pulse.stop();
      const late = (cause: unknown): void => this.deps.onError(cause, job.key.streamId);
      // An answer that may be in the log is never followed by an error: what is left to tell, the run's rescue tells.
      if (this.answered.has(job)) late(error);
      else await this.ending.fail(job, error).catch(late);
    } finally {
      clearInterval(beat);
      pulse.stop();
      stopWatching();
    }
  }

  private async beat(job: Job, abort: AbortController): Promise<void> {
    const mine = await job.writer.beat().catch(() => true);
    if (!mine) abort.abort('lost');
  }

  private async answer(job: Job, pulse: Pulse): Promise<void> {
    const writes: Promise<void>[] = [];
    const write = (frame: MakeFrame): void => {
      const written = job.writer.write(frame);
      // Whoever waits for them hears of it; until then nobody does.
      written.catch(() => undefined);
      writes.push(written);
    };
    let chunkCount = 0;
    let untold = -job.told;
    for await (const progress of job.progress) {
      pulse.refresh();
      untold += 1;
      if (untold > 0) this.framesOf(progress, job).forEach(write);
      if (progress.kind === 'retrieved') {
        chunkCount = progress.passages.length;
        this.traces.note(job, progress.trace);
      }
      if (progress.kind === 'answered') {
        const outcome = { ...outcomeOf(progress.answer, job.clock), chunkCount };
        await Promise.allSettled(writes);
        await patiently(() => job.writer.settled());
        const content = await this.ending.enclose(job, progress);
        // The digest of the last frames goes into the event before they are written: nothing may come between.
        pulse.stop();
        const onAppend = (): unknown => this.answered.add(job);
        await this.ending.complete(job, { answer: progress.answer, content }, outcome, onAppend);
        if (job.asked.audio) await this.ending.speak(job, progress.answer.text, pulse);
      }
    }
  }

  /** What is told of a step when it comes. */
  private framesOf(progress: RunProgress, { frames }: NewJob): readonly MakeFrame[] {
    if (progress.kind === 'delta') return [runFrame(frames, 'token.delta', { delta: progress.delta })];
    if (progress.kind !== 'retrieved' || !this.deps.settings.debugEvents) return [];
    const { passages, trace } = progress;
    return [runFrame(frames, 'debug.retrieval', { provider: trace.provider, num_chunks: passages.length })];
  }
}

function bytesOf(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** What is told of a question before anything is looked for. */
function firstFrames({ frames, asked: { heard }, facts }: NewJob): readonly MakeFrame[] {
  const accepted = runFrame(frames, 'request.accepted', { accepted_at: facts.now });
  return heard === undefined ? [accepted] : [accepted, runFrame(frames, 'input.transcribed', heardData(heard))];
}
