import { setTimeout as delay } from 'node:timers/promises';
import { runs, type RunState } from '#domain/capabilities/runs/runs.decider.js';
import { runRows } from '#domain/capabilities/runs/runs.projection.js';
import { filterJson, type MetadataFilter } from '#domain/kernel/filter/metadata-filter.js';
import type { Principal } from '#api/http/principal.js';
import type { SseStream } from '#api/http/sse.js';
import type { Turn } from '#infra/adapters/llm/answerer.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { idFor } from '#infra/commands/ids.js';
import type { ContentStore } from '#infra/content/content-store.js';
import type { Database } from '#infra/database/database.js';
import type { RecordedStreams, StreamHeaders } from '#infra/recorded-streams/recorded-streams.js';
import type { RecordedFrame, StreamKey } from '#infra/recorded-streams/stream-writer.js';
import { OWNER_SILENT_MS, type RunRescue } from './run-rescue.handler.js';
import type { RunInput } from './run-graph.adapter.js';
import type { RunAsked } from './run-admission.handler.js';
import type { RunPresence } from './run-presence.handler.js';

const HISTORY_TURNS = 10;
/** What of a conversation goes into a prompt at most, in characters; the newest turns that fit. */
const HISTORY_CHARS = 24_000;
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

  /** Whether the run was asked with the same question, session, corpus and number of passages. */
  async isRepeat(tenantId: string, runId: string, asked: RunAsked): Promise<boolean> {
    const state = await this.begun({ tenantId, streamId: runId });
    if (state.status === 'absent') return true;
    const { sessionId, corpusId, topK, message } = state.asked;
    const stored = await this.content.get(tenantId, message.id);
    const same = sessionId === asked.sessionId && corpusId === asked.corpusId && topK === asked.topK;
    return same && textIn(stored) === asked.message && filterIn(stored) === filterText(asked.filter);
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

  /** Sends the frames after `seq` and follows the run to its end, or until the client leaves. */
  async play(key: StreamKey, seq: number, stream: SseStream): Promise<void> {
    try {
      for await (const frame of this.follow(key, seq, stream.signal)) {
        if (!(await stream.send(frame.text))) break;
      }
    } finally {
      stream.end();
    }
  }

  /** The frames after `seq` as they are recorded, for a client that watches until the signal aborts. */
  async *follow(key: StreamKey, seq: number, signal: AbortSignal): AsyncIterable<RecordedFrame> {
    const leave = this.presence.join(key);
    const look = setInterval(() => void this.rescueIfDead(key), RESCUE_MS);
    try {
      yield* this.streams.follow(key, seq, signal);
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

interface HistoryRow {
  readonly message_content_id: string;
  readonly answer_content_id: string;
}

/**
 * The last answered questions of a conversation in the corpora that the caller may use, oldest first, by their order in the log:
 * whole turns, and no more than fit. A question without an answer is none, nor is what was erased.
 */
export async function sessionHistory(
  database: Database,
  content: ContentStore,
  { tenantId, conversation, corpora }: Pick<RunInput, 'tenantId' | 'conversation' | 'corpora'>,
): Promise<readonly Turn[]> {
  const rows = await database.query<HistoryRow>(
    `select message_content_id, answer_content_id from read.${runRows.table}_v${runRows.version}
      where tenant_id = $1 and session = $2 and life = $5 and status = 'succeeded' and forgotten_at is null
        and ($4::text[] is null or corpus_id = any($4::text[])) order by position desc limit $3`,
    [tenantId, conversation.id, HISTORY_TURNS, corpora, conversation.life],
  );
  const turns: Turn[] = [];
  const ids = rows.flatMap((row) => [row.message_content_id, row.answer_content_id]);
  const contents = await content.getMany(tenantId, ids);
  let left = HISTORY_CHARS;
  for (const row of rows) {
    const question = textIn(contents.get(row.message_content_id));
    const answer = textIn(contents.get(row.answer_content_id));
    if (question === undefined || answer === undefined) continue;
    left -= question.length + answer.length;
    if (left < 0) break;
    turns.unshift({ role: 'user', content: question }, { role: 'assistant', content: answer });
  }
  return turns;
}

function textIn(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : (JSON.parse(new TextDecoder().decode(bytes)) as { text: string }).text;
}

/** The filter that was kept with a question, in the one form that it has. */
function filterIn(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const { filter } = JSON.parse(new TextDecoder().decode(bytes)) as { readonly filter?: object };
  return filter === undefined ? undefined : JSON.stringify(filter);
}

function filterText(filter: MetadataFilter | undefined): string | undefined {
  return filter === undefined ? undefined : JSON.stringify(filterJson(filter));
}
