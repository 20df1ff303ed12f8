import { corpora } from '#domain/capabilities/corpora/corpora.decider.js';
import { DEFAULT_TOP_K, MAX_TOP_K } from '#domain/capabilities/corpora/provider-config.decider.js';
import { runErrors, runs, type RunCommand } from '#domain/capabilities/runs/runs.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Facts } from '#domain/kernel/decider.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { Answer } from '#infra/adapters/llm/answerer.js';
import type { CommandContext, CommandPath } from '#infra/commands/command-path.js';
import { derivedId, idFor } from '#infra/commands/ids.js';
import type { ContentRef, ContentStore } from '#infra/content/content-store.js';
import type { RecordedStreams } from '#infra/recorded-streams/recorded-streams.js';
import type { StreamKey, StreamWriter } from '#infra/recorded-streams/stream-writer.js';
import { heartbeatFrame, runFrame, type FrameContext } from './run-frames.contract.js';
import { progressOf, runGraph, type RunInput, type RunWorld } from './run-graph.adapter.js';
import type { RunPresence } from './run-presence.handler.js';

export interface RunSettings {
  readonly heartbeatMs: number;
  /** How long a run goes on after its last client left, in milliseconds. */
  readonly graceMs: number;
  readonly maxConcurrency: number;
  readonly debugEvents: boolean;
}

export interface RunDeps extends Omit<RunWorld, 'save'> {
  readonly path: CommandPath;
  readonly content: ContentStore;
  readonly streams: RecordedStreams;
  readonly presence: RunPresence;
  readonly settings: RunSettings;
  readonly onError: (error: unknown, runId: string) => void;
}

export interface RunAsked {
  readonly sessionId: string;
  readonly corpusId: string;
  readonly message: string;
  readonly topK: number | null;
  readonly audio: boolean;
}

interface Active {
  readonly key: StreamKey;
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
  readonly signal: AbortSignal;
  readonly startedAt: number;
}

/** Silence after which a run's process is taken for dead. */
export const OWNER_SILENT_MS = 15_000;
const BEAT_MS = 3_000;

/** Runs questions to answers. Every frame is recorded before it is sent, and the outcome is an event before it is told. */
export class RunExecutor {
  private readonly active = new Map<string, Active>();

  constructor(private readonly deps: RunDeps) {}

  /** Starts a run under `runId` and gives the stream to follow; false when the run exists already. */
  async start(runId: string, asked: RunAsked, facts: Facts, context: CommandContext): Promise<boolean> {
    if (this.active.size >= this.deps.settings.maxConcurrency) throw new CatalogueError(runErrors.busy);
    const key = { tenantId: facts.tenantId, streamId: runId };
    const abort = new AbortController();
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    this.active.set(runId, { key, abort, ended });
    const done = (): void => {
      this.active.delete(runId);
      end();
    };
    try {
      const writer = await this.begin(key, asked, facts, context);
      if (writer === undefined) return (done(), false);
      const frames = { runId, requestId: facts.requestId ?? runId, sessionId: asked.sessionId };
      const job = { key, asked, facts, context, frames, writer, signal: abort.signal, startedAt: Date.now() };
      void this.drive(job, abort).finally(done);
      return true;
    } catch (error) {
      done();
      throw error;
    }
  }

  /** Looks for runs whose process died, also those that nobody watches, until the returned function is called. */
  watchForAbandoned(everyMs = 30_000): () => void {
    const look = async (): Promise<void> => {
      for (const key of await this.deps.streams.abandoned(OWNER_SILENT_MS, 100)) await this.rescue(key);
    };
    const timer = setInterval(() => void look().catch((error: unknown) => this.deps.onError(error, 'rescue')), everyMs);
    timer.unref();
    return () => clearInterval(timer);
  }

  /** Waits for the runs of this process, then cancels what is left. */
  async stop(graceMs: number): Promise<void> {
    const bound = new Promise((resolve) => setTimeout(resolve, graceMs).unref());
    const all = (): Promise<unknown> => Promise.all([...this.active.values()].map((run) => run.ended));
    await Promise.race([all(), bound]);
    for (const run of this.active.values()) run.abort.abort('shutdown');
    await all();
  }

  /** Ends a run whose process died, so that nobody waits for it; does nothing while the process lives. */
  async rescue(key: StreamKey): Promise<void> {
    const writer = await this.deps.streams.takeOver(key, OWNER_SILENT_MS);
    if (writer === undefined) return;
    const now = new Date().toISOString();
    const info = await this.deps.streams.info(key);
    const frames = { runId: key.streamId, requestId: key.streamId, sessionId: info?.subjectId ?? '' };
    await writer.write(runFrame(frames, 'error', errorData(runErrors.interrupted)));
    await writer.write(runFrame(frames, 'done', {}));
    const facts: Facts = {
      tenantId: key.tenantId,
      actor: { type: 'system', id: 'run-rescue', role: null },
      now,
      commandId: derivedId(key.streamId, 'interrupted'),
      newId: derivedId(key.streamId, 'rescue'),
      requestId: null,
    };
    const data = { code: runErrors.interrupted.code, frames: writer.digest(), durationMs: null };
    await this.deps.path.run(runs, key.streamId, { type: 'FailRun', data }, facts).catch((error: unknown) => {
      // The process may have died before the run was an event; then there is nothing to end.
      if (!(error instanceof CatalogueError && error.row === runErrors.notFound)) throw error;
    });
    await writer.end();
  }

  private async begin(
    key: StreamKey,
    asked: RunAsked,
    facts: Facts,
    context: CommandContext,
  ): Promise<StreamWriter | undefined> {
    const writer = await this.deps.streams.open(key, { kind: 'session', id: asked.sessionId });
    if (writer === undefined) return undefined;
    const message = await this.keep(key, asked.sessionId, 'run-message', { text: asked.message });
    const { sessionId, corpusId, topK } = asked;
    const data = { runId: key.streamId, sessionId, corpusId, topK, message };
    await this.deps.path.run(runs, key.streamId, { type: 'StartRun', data }, facts, context);
    return writer;
  }

  private async drive(job: Job, abort: AbortController): Promise<void> {
    const beat = setInterval(() => void this.beat(job, abort), BEAT_MS);
    const pulse = setInterval(
      () => void job.writer.write(heartbeatFrame(job.frames)).catch(() => abort.abort('lost')),
      this.deps.settings.heartbeatMs,
    );
    const stopWatching = this.deps.presence.watchOver(job.key, this.deps.settings.graceMs, () =>
      abort.abort('client_left'),
    );
    try {
      await job.writer.write(runFrame(job.frames, 'request.accepted', { accepted_at: job.facts.now }));
      await this.answer(job, () => pulse.refresh());
    } catch (error) {
      await this.fail(job, error).catch((late: unknown) => this.deps.onError(late, job.key.streamId));
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

  private async answer(job: Job, onFrame: () => void): Promise<void> {
    const input = await this.inputOf(job);
    const graph = runGraph({ ...this.deps, save: (_input, answer) => this.keepAnswer(job, answer, saved) });
    const saved: { ref?: ContentRef } = {};
    const state = { chunkCount: 0 };
    const writes: Promise<void>[] = [];
    for await (const progress of progressOf(graph, input, job.signal)) {
      onFrame();
      if (progress.kind === 'retrieved') {
        state.chunkCount = progress.passages.length;
        const data = { provider: 'local_pgvector', num_chunks: state.chunkCount };
        if (this.deps.settings.debugEvents)
          writes.push(job.writer.write(runFrame(job.frames, 'debug.retrieval', data)));
      }
      if (progress.kind === 'delta') {
        writes.push(job.writer.write(runFrame(job.frames, 'token.delta', { delta: progress.delta })));
      }
      if (progress.kind === 'saved' && saved.ref !== undefined) {
        await Promise.all(writes);
        await this.complete(job, progress.answer, saved.ref, state.chunkCount);
      }
    }
  }

  private async inputOf(job: Job): Promise<RunInput> {
    const { tenantId, streamId: runId } = job.key;
    const { sessionId, corpusId, message, topK } = job.asked;
    const corpus = await this.deps.path.load(corpora, tenantId, idFor('corpora', tenantId, corpusId));
    if (corpus.status === 'absent') throw new CatalogueError(runErrors.corpusNotFound);
    const retrieval = corpus.providerConfig['retrieval'] as JsonObject | undefined;
    if (retrieval?.['provider'] !== 'local_pgvector') throw new CatalogueError(runErrors.providerUnavailable);
    const byDefault = retrieval['top_k_default'];
    const k = topK ?? (typeof byDefault === 'number' ? byDefault : DEFAULT_TOP_K);
    return { tenantId, runId, sessionId, corpusId, message, topK: Math.min(MAX_TOP_K, Math.max(1, k)) };
  }

  private async keepAnswer(job: Job, answer: Answer, saved: { ref?: ContentRef }): Promise<void> {
    const { text, citations } = answer;
    saved.ref = await this.keep(job.key, job.asked.sessionId, 'run-answer', { text, citations });
  }

  /** The last frames are recorded, then the outcome is appended; only then does the stream end. */
  private async complete(job: Job, answer: Answer, ref: ContentRef, chunkCount: number): Promise<void> {
    const { writer, frames } = job;
    const { text, citations, degraded, reasonCode } = answer;
    const marks = degraded ? { degraded, reason_code: reasonCode } : { degraded };
    await writer.write(runFrame(frames, 'message.final', { text, citations, ...marks }));
    if (job.asked.audio) await writer.write(runFrame(frames, 'audio.error', noVoice));
    await writer.write(runFrame(frames, 'done', {}));
    await this.record(job, 'end', {
      type: 'CompleteRun',
      data: {
        answer: ref,
        citationCount: citations.length,
        chunkCount,
        degraded,
        reasonCode,
        frames: writer.digest(),
        durationMs: Date.now() - job.startedAt,
      },
    });
    await writer.end();
  }

  private async fail(job: Job, error: unknown): Promise<void> {
    const { writer, frames, signal } = job;
    const reason: unknown = signal.reason;
    if (signal.aborted && reason === 'lost') return;
    if (signal.aborted && (reason === 'client_left' || reason === 'shutdown')) {
      await writer.write(runFrame(frames, 'error', { code: 'RUN_CANCELLED', message: 'The run was cancelled' }));
      await writer.write(runFrame(frames, 'done', {}));
      await this.record(job, 'end', { type: 'CancelRun', data: { reason, frames: writer.digest() } });
      await writer.end();
      return;
    }
    const row = error instanceof CatalogueError ? error.row : undefined;
    if (row === undefined) this.deps.onError(error, job.key.streamId);
    const data = row === undefined ? { code: 'UNKNOWN_ERROR', message: 'The run failed' } : errorData(row);
    await writer.write(runFrame(frames, 'error', data));
    await writer.write(runFrame(frames, 'done', {}));
    const durationMs = Date.now() - job.startedAt;
    await this.record(job, 'end', { type: 'FailRun', data: { code: data.code, frames: writer.digest(), durationMs } });
    await writer.end();
  }

  private async record(job: Job, step: string, command: RunCommand): Promise<void> {
    const facts = { ...job.facts, commandId: derivedId(job.facts.commandId, step), now: new Date().toISOString() };
    await this.deps.path.run(runs, job.key.streamId, command, facts, {
      ...job.context,
      causationId: job.facts.commandId,
    });
  }

  private keep(key: StreamKey, sessionId: string, kind: string, value: object): Promise<ContentRef> {
    const subject = { tenantId: key.tenantId, kind: 'session', id: sessionId };
    return this.deps.content.put(subject, kind, new TextEncoder().encode(JSON.stringify(value)));
  }
}

const noVoice = { code: 'TTS_CONFIG_MISSING', message: 'No speech provider is configured' };

function errorData(row: { readonly code: string; readonly title: string }): { code: string; message: string } {
  return { code: row.code, message: row.title };
}
