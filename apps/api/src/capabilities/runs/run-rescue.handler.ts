import { runErrors, runs, type TellSpeech } from '#domain/capabilities/runs/runs.decider.js';
import type { RunEvent } from '#domain/capabilities/runs/runs.events.js';
import type { Voice } from '#api/commands/voice.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Facts } from '#domain/kernel/decider.js';
import type { Answer } from '#infra/adapters/llm/answerer.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { derivedId } from '#infra/commands/ids.js';
import type { ContentStore } from '#infra/content/content-store.js';
import type { RecordedStreams } from '#infra/recorded-streams/recorded-streams.js';
import type { MakeFrame, RecordedFrame, StreamKey, StreamWriter } from '#infra/recorded-streams/stream-writer.js';
import {
  failureFrames,
  finalFrame,
  finalFrames,
  sentIn,
  speechFrames,
  type FrameContext,
} from './run-frames.contract.js';

export interface RescueDeps {
  readonly path: CommandPath;
  readonly content: ContentStore;
  readonly streams: RecordedStreams;
  readonly voice: Voice;
  readonly onError: (error: unknown, where: string) => void;
}

type Completed = Extract<RunEvent, { type: 'RunCompleted' }>['data'];

/** A stream whose end is in the log. */
interface Unfinished {
  readonly key: StreamKey;
  readonly completed: Completed;
  /** Undefined when nothing of a speech is in the log. */
  readonly speech: Extract<RunEvent, { type: 'RunSpeechTold' }>['data'] | undefined;
  readonly recorded: readonly RecordedFrame[];
  readonly writer: StreamWriter;
}

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
    const { completed, speech } = state.status === 'ended' ? state : { completed: undefined, speech: undefined };
    if (completed !== undefined) await this.tellTheRest({ key, completed, speech, recorded, writer });
    else if (state.status !== 'ended') await this.interrupt(key, recorded, writer);
    await writer.end();
  }

  /** The outcome is in the log and its last frames are not all recorded: they follow from the stored answer. */
  private async tellTheRest(of: Unfinished): Promise<void> {
    const { key, completed, recorded, writer } = of;
    const bytes = await this.deps.content.get(key.tenantId, completed.answer.id);
    if (bytes === undefined) return;
    const stored = JSON.parse(new TextDecoder().decode(bytes)) as Pick<Answer, 'text' | 'citations'>;
    const answer = { ...completed, ...stored };
    const context = await this.contextOf(key, recorded);
    const spoken = await this.deps.voice.toldOf(key.tenantId, key.streamId);
    const text = finalFrame(context, answer);
    const speech = speechFrames(context, spoken);
    // Which frames the outcome was followed by, its count and its digest say; once speech was told together with the text.
    const told = await this.tellAsLogged(of, completed.frames, [
      finalFrames(context, answer),
      [text, ...speech],
      [text],
    ]);
    const whole = recorded.some(({ text: frame }) => sentIn(frame).type === 'done') || (told ?? []).length > 1;
    if (whole || recorded.length + (told ?? []).length < completed.frames.count) return;
    const data = { told: spoken.type, frames: writer.digest(speech) };
    const logged = of.speech?.frames ?? (await this.speechLogged(key, data));
    await this.tellAsLogged({ writer, recorded: [...recorded, ...(told ?? [])] }, logged, [speech]);
  }

  /** Writes what is missing of the one way to go on that the log holds the digest of; gives that. */
  private async tellAsLogged(
    { recorded, writer }: Pick<Unfinished, 'writer'> & { readonly recorded: readonly unknown[] },
    { count, sha256 }: Completed['frames'],
    ways: readonly (readonly MakeFrame[])[],
  ): Promise<readonly MakeFrame[] | undefined> {
    const missing = count - recorded.length;
    for (const way of missing > 0 ? ways : []) {
      const rest = way.slice(Math.max(0, way.length - missing));
      const digest = writer.digest(rest);
      if (digest.count !== count || digest.sha256 !== sha256) continue;
      await writeAll(writer, rest);
      return way;
    }
    return undefined;
  }

  /** The digest that the log holds of the whole stream, be it this one or that of who was faster. */
  private async speechLogged(key: StreamKey, data: TellSpeech['data']): Promise<Completed['frames']> {
    await this.deps.path.run(runs, key.streamId, { type: 'TellSpeech', data }, factsOf(key, 'speech'));
    const state = await this.deps.path.load(runs, key.tenantId, key.streamId);
    return (state.status === 'ended' ? state.speech?.frames : undefined) ?? data.frames;
  }

  private async interrupt(key: StreamKey, recorded: readonly RecordedFrame[], writer: StreamWriter): Promise<void> {
    const told = recorded.some(({ text }) => sentIn(text).type === 'done');
    const error = recorded.map(({ text }) => sentIn(text)).find(({ type }) => type === 'error')?.data?.['code'];
    if (!told) {
      const { code, title } = runErrors.interrupted;
      await writeAll(writer, failureFrames(await this.contextOf(key, recorded), { code, message: title }));
    }
    const code = told && typeof error === 'string' ? error : runErrors.interrupted.code;
    const data = { code, frames: writer.digest(), durationMs: null, trace: null };
    await this.deps.path
      .run(runs, key.streamId, { type: 'FailRun', data }, factsOf(key, 'interrupted'))
      .catch((failure: unknown) => {
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

function factsOf({ tenantId, streamId }: StreamKey, step: string): Facts {
  return {
    tenantId,
    actor: { type: 'system', id: 'run-rescue', role: null },
    now: new Date().toISOString(),
    commandId: derivedId(streamId, step),
    newId: derivedId(streamId, 'rescue'),
    requestId: null,
  };
}

async function writeAll(writer: StreamWriter, frames: readonly MakeFrame[]): Promise<void> {
  await Promise.all(frames.map((frame) => writer.write(frame)));
}
