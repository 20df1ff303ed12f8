import { setTimeout as delay } from 'node:timers/promises';
import { runs, type RunState } from '#domain/capabilities/runs/runs.decider.js';
import type { Principal } from '#api/http/principal.js';
import type { SseStream } from '#api/http/sse.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { idFor } from '#infra/commands/ids.js';
import type { ContentStore } from '#infra/content/content-store.js';
import type { RecordedStreams, StreamHeaders } from '#infra/recorded-streams/recorded-streams.js';
import { FramesGone, type RecordedFrame, type StreamKey } from '#infra/recorded-streams/stream-writer.js';
import { OWNER_SILENT_MS, type RunRescue } from './run-rescue.handler.js';
import type { RunAsked } from './run-admission.handler.js';
import { isSameQuestion } from './run-outcome.adapter.js';
import type { RunPresence } from './run-presence.handler.js';

const RESCUE_MS = 2_000;
/** The stream of a run is there a moment before the event that says what was asked. */
const BEGIN_MS = 2_000;

type Asked = Exclude<RunState, { status: 'absent' }>['asked'];

/** Plays recorded runs to clients: while they run, after they ended, in any process. */
export class RunPlayback {
  constructor(
    private readonly streams: RecordedStreams,
    private readonly presence: RunPresence,
    private readonly rescue: RunRescue,
    private readonly path: CommandPath,
    private readonly content: ContentStore,
  ) {}

  /** The run that an Idempotency-Key of this caller stands for. */
  runIdOf(principal: Principal, key: string): string {
    return idFor('runs', principal.tenantId, `${principal.apiKeyId}\n${key}`);
  }

  async exists(key: StreamKey): Promise<boolean> {
    return (await this.streams.info(key)) !== undefined;
  }

  /** Those under which a run was first answered. */
  async headersOf(key: StreamKey): Promise<StreamHeaders> {
    return (await this.streams.info(key))?.headers ?? {};
  }

  /** What a run was asked, by whom and where; undefined when nobody said so. */
  async askedIn(key: StreamKey): Promise<Asked | undefined> {
    const state = await this.begun(key);
    return state.status === 'absent' ? undefined : state.asked;
  }

  /** Whether the run was asked the same, in the same session and corpus, by all that its answer hangs on. */
  async isRepeat(tenantId: string, runId: string, asked: RunAsked): Promise<boolean> {
    const state = await this.begun({ tenantId, streamId: runId });
    if (state.status === 'absent') return true;
    const { sessionId, corpusId, topK, message } = state.asked;
    const stored = await this.content.get(tenantId, message.id);
    const same = sessionId === asked.sessionId && corpusId === asked.corpusId && topK === asked.topK;
    return same && isSameQuestion(stored, asked);
  }

  /** The run's state, once its process has said what was asked. */
  private async begun(key: StreamKey): Promise<RunState> {
    const until = Date.now() + BEGIN_MS;
    for (;;) {
      const state = await this.path.load(runs, key.tenantId, key.streamId);
      if (state.status !== 'absent' || Date.now() >= until) return state;
      if ((await this.streams.info(key))?.ended !== false) return state;
      await delay(10);
    }
  }

  /**
   * Sends the frames after `seq` and follows the run to its end, or until the client leaves; sends what `unplayable` says where
   * they cannot be read any more.
   */
  async play(key: StreamKey, seq: number, stream: SseStream, unplayable: () => string): Promise<void> {
    try {
      // What was recorded together goes out in one piece.
      for await (const frames of this.batches(key, seq, stream.signal)) {
        if (!(await stream.send(frames.map(({ text }) => text).join('')))) break;
      }
    } catch (error) {
      if (!(error instanceof FramesGone)) throw error;
      await stream.send(unplayable());
    } finally {
      stream.end();
    }
  }

  /** The frames after `seq` as they are recorded, for a client that watches until the signal aborts. May reject with FramesGone. */
  async *follow(key: StreamKey, seq: number, signal: AbortSignal): AsyncIterable<RecordedFrame> {
    for await (const frames of this.batches(key, seq, signal)) yield* frames;
  }

  private async *batches(key: StreamKey, seq: number, signal: AbortSignal): AsyncIterable<readonly RecordedFrame[]> {
    const leave = this.presence.join(key);
    const look = setInterval(() => void this.rescueIfDead(key), RESCUE_MS);
    try {
      yield* this.streams.batches(key, seq, signal);
    } finally {
      clearInterval(look);
      leave();
    }
  }

  private async rescueIfDead(key: StreamKey): Promise<void> {
    const info = await this.streams.info(key).catch(() => undefined);
    if (info === undefined || info.ended || info.silentMs < OWNER_SILENT_MS) return;
    await this.rescue.rescue(key).catch(() => undefined);
  }
}
