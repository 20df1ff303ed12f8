import { runErrors, runs } from '#domain/capabilities/runs/runs.decider.js';
import type { RunEvent } from '#domain/capabilities/runs/runs.events.js';
import type { Voice } from '#api/commands/voice.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Facts } from '#domain/kernel/decider.js';
import type { Answer } from '#infra/adapters/llm/answerer.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { derivedId } from '#infra/commands/ids.js';
import type { ContentStore } from '#infra/content/content-store.js';
import type { RecordedStreams } from '#infra/recorded-streams/recorded-streams.js';
import type { RecordedFrame, StreamKey, StreamWriter } from '#infra/recorded-streams/stream-writer.js';
import { failureFrames, finalFrames, sentIn, type FrameContext, type MakeFrame } from './run-frames.contract.js';

export interface RescueDeps {
  readonly path: CommandPath;
  readonly content: ContentStore;
  readonly streams: RecordedStreams;
  readonly voice: Voice;
  readonly onError: (error: unknown, where: string) => void;
}

type Completed = Extract<RunEvent, { type: 'RunCompleted' }>['data'];

/** Silence after which a run's process is taken for dead. */
export const OWNER_SILENT_MS = 15_000;

/** Ends runs whose process died, so that nobody waits for them. */
export class RunRescue {
  constructor(private readonly deps: RescueDeps) {}

  /** Looks for such runs, also those that nobody watches, until the returned function is called. */
  watch(everyMs = 30_000): () => void {
    const look = async (): Promise<void> => {
      for (const key of await this.deps.streams.abandoned(OWNER_SILENT_MS, 100)) await this.rescue(key);
    };
    const timer = setInterval(() => void look().catch((error: unknown) => this.deps.onError(error, 'rescue')), everyMs);
    timer.unref();
    return () => clearInterval(timer);
  }

  /** Does nothing while the run's process lives. */
  async rescue(key: StreamKey): Promise<void> {
    const writer = await this.deps.streams.takeOver(key, OWNER_SILENT_MS);
    if (writer === undefined) return;
    const recorded = await this.deps.streams.read(key, 0);
    const state = await this.deps.path.load(runs, key.tenantId, key.streamId);
    const completed = state.status === 'ended' ? state.completed : undefined;
    if (completed !== undefined) await this.tellTheRest(key, completed, recorded, writer);
    else if (state.status !== 'ended') await this.interrupt(key, recorded, writer);
    await writer.end();
  }

  /** The outcome is in the log and its last frames are not all recorded: they follow from the stored answer. */
  private async tellTheRest(
    key: StreamKey,
    completed: Completed,
    recorded: readonly RecordedFrame[],
    writer: StreamWriter,
  ): Promise<void> {
    const bytes = await this.deps.content.get(key.tenantId, completed.answer.id);
    if (bytes === undefined) return;
    const stored = JSON.parse(new TextDecoder().decode(bytes)) as Pick<Answer, 'text' | 'citations'>;
    const { frames } = completed;
    const answer = { ...completed, ...stored };
    const context = await this.contextOf(key, recorded);
    // Whether it was spoken, the count and the digest of the event say.
    for (const spoken of [undefined, await this.deps.voice.toldOf(key.tenantId, key.streamId)]) {
      const last = finalFrames(context, answer, spoken);
      const missing = last.slice(last.length - (frames.count - recorded.length));
      const { count, sha256 } = writer.digest(missing);
      if (count === frames.count && sha256 === frames.sha256) return writeAll(writer, missing);
    }
  }

  private async interrupt(key: StreamKey, recorded: readonly RecordedFrame[], writer: StreamWriter): Promise<void> {
    const told = recorded.some(({ text }) => sentIn(text).type === 'done');
    const error = recorded.map(({ text }) => sentIn(text)).find(({ type }) => type === 'error')?.data?.['code'];
    if (!told) {
      const { code, title } = runErrors.interrupted;
      await writeAll(writer, failureFrames(await this.contextOf(key, recorded), { code, message: title }));
    }
    const facts: Facts = {
      tenantId: key.tenantId,
      actor: { type: 'system', id: 'run-rescue', role: null },
      now: new Date().toISOString(),
      commandId: derivedId(key.streamId, 'interrupted'),
      newId: derivedId(key.streamId, 'rescue'),
      requestId: null,
    };
    const code = told && typeof error === 'string' ? error : runErrors.interrupted.code;
    const data = { code, frames: writer.digest(), durationMs: null };
    await this.deps.path.run(runs, key.streamId, { type: 'FailRun', data }, facts).catch((failure: unknown) => {
      // The process may have died before the run was an event; then there is nothing to end.
      if (!(failure instanceof CatalogueError && failure.row === runErrors.notFound)) throw failure;
    });
  }

  private async contextOf(key: StreamKey, [first]: readonly RecordedFrame[]): Promise<FrameContext> {
    const state = await this.deps.path.load(runs, key.tenantId, key.streamId);
    const sent = first === undefined ? undefined : sentIn(first.text);
    const sessionId = state.status === 'absent' ? sent?.session_id : state.asked.sessionId;
    return { runId: key.streamId, requestId: sent?.request_id ?? key.streamId, sessionId: sessionId ?? '' };
  }
}

export async function writeAll(writer: StreamWriter, frames: readonly MakeFrame[]): Promise<void> {
  await Promise.all(frames.map((frame) => writer.write(frame)));
}
