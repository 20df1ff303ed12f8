import { foldRow, type RowOf } from '../../kernel/projection.js';
import { recorded, specify } from '../../kernel/testing/given.js';
import { runErrors, runs } from './runs.decider.js';
import type { RunEvent } from './runs.events.js';
import { runRows } from './runs.projection.js';

const runId = '01900000-0000-7000-8000-00000000000a';
const content = { id: '01900000-0000-7000-8000-00000000000c', sha256: 'a'.repeat(64), size: 5, keyId: 'k' };
const frames = { count: 4, sha256: 'b'.repeat(64) };
const begin = {
  runId,
  sessionId: 's1',
  session: 'x1',
  life: 0,
  userId: 'ada',
  corpusId: 'c1',
  topK: 5,
  message: content,
};
const result = {
  answer: content,
  citationCount: 1,
  chunkCount: 5,
  degraded: true,
  reasonCode: 'llm_unconfigured',
  frames,
  durationMs: 9,
  inputTokens: 120,
  outputTokens: 8,
  tokensEstimated: true,
  cachedTokens: 0,
  reasoningTokens: 0,
  provider: 'extractive',
  model: 'extractive-v1',
  attempts: 1,
  finishReason: 'stop' as const,
  droppedCitations: 0,
  timings: { retrievalMs: 3, firstTextMs: 4, generationMs: 9 },
};
const started: RunEvent = { type: 'RunStarted', data: begin };
const completed: RunEvent = { type: 'RunCompleted', data: { runId, sessionId: 's1', ...result } };

describe('a run', () => {
  it('starts once', () => {
    specify(runs).given().when({ type: 'StartRun', data: begin }).then(started);
    specify(runs).given(started).when({ type: 'StartRun', data: begin }).refuses(runErrors.alreadyStarted);
  });

  it('ends once, whoever says so first', () => {
    const cancel = { type: 'CancelRun', data: { reason: 'client_left', frames: null } } as const;
    specify(runs).given(started).when({ type: 'CompleteRun', data: result }).then(completed);
    specify(runs).given(started, completed).when(cancel).thenNothing();
  });

  it('tells of its speech once, after its answer, and never without one', () => {
    const speech = { told: 'audio.ready' as const, frames: { count: 7, sha256: 'c'.repeat(64) } };
    const tell = { type: 'TellSpeech', data: speech } as const;
    const told: RunEvent = { type: 'RunSpeechTold', data: { runId, sessionId: 's1', ...speech } };
    const failed: RunEvent = {
      type: 'RunFailed',
      data: { runId, sessionId: 's1', code: 'X', frames: null, durationMs: null, trace: null },
    };
    specify(runs).given(started, completed).when(tell).then(told);
    specify(runs).given(started, completed, told).when(tell).thenNothing();
    specify(runs).given(started).when(tell).thenNothing();
    specify(runs).given(started, failed).when(tell).thenNothing();
    type Row = RowOf<typeof runRows.columns>;
    const history = [started, completed, told];
    const row = history.reduce<Row | undefined>((old, e) => foldRow(runRows, recorded(e), old), undefined);
    expect(row).toMatchObject({ status: 'succeeded', frame_count: 7, frames_sha256: speech.frames.sha256 });
  });

  it('does not end before it started', () => {
    specify(runs).given().when({ type: 'CompleteRun', data: result }).refuses(runErrors.notFound);
  });

  it('shows its outcome and the digest of its frames in its row', () => {
    type Row = RowOf<typeof runRows.columns>;
    const row = [started, completed].reduce<Row | undefined>((old, e) => foldRow(runRows, recorded(e), old), undefined);
    expect(row).toMatchObject({ status: 'succeeded', frame_count: 4, frames_sha256: frames.sha256, session_id: 's1' });
  });

  it('that failed keeps what was retrieved for it, until it is forgotten', () => {
    const failed: RunEvent = {
      type: 'RunFailed',
      data: { runId, sessionId: 's1', code: 'VERTEX_TIMEOUT', frames, durationMs: 1, trace: { ...content, id: runId } },
    };
    const contentIds = [content.id, runId];
    const forgotten: RunEvent = { type: 'RunForgotten', data: { runId, sessionId: 's1', contentIds } };
    specify(runs).given(started, failed).when({ type: 'ForgetRun', data: {} }).then(forgotten);
    type Row = RowOf<typeof runRows.columns>;
    const rowOf = (...history: RunEvent[]) =>
      history.reduce<Row | undefined>((old, e) => foldRow(runRows, recorded(e), old), undefined);
    expect(rowOf(started, failed)).toMatchObject({ status: 'failed', trace_content_id: runId });
    expect(rowOf(started, failed, forgotten)).toMatchObject({ trace_content_id: null });
  });

  it('is forgotten once it has ended, once, with the words of both sides', () => {
    const forget = { type: 'ForgetRun', data: {} } as const;
    const contentIds = [content.id, content.id];
    const forgotten: RunEvent = { type: 'RunForgotten', data: { runId, sessionId: 's1', contentIds } };
    specify(runs).given(started).when(forget).thenNothing();
    specify(runs).given(started, completed).when(forget).then(forgotten);
    specify(runs).given(started, completed, forgotten).when(forget).thenNothing();
    type Row = RowOf<typeof runRows.columns>;
    const history = [started, completed, forgotten];
    const row = history.reduce<Row | undefined>((old, e) => foldRow(runRows, recorded(e), old), undefined);
    expect(row).toMatchObject({ status: 'succeeded', message_content_id: null, answer_content_id: null });
  });
});
