import type { Recorded } from '../../kernel/events.js';
import { defineProjection } from '../../kernel/projection.js';
import type { RunEvent } from './runs.events.js';

export const runRows = defineProjection<RunEvent>()({
  table: 'runs',
  version: 6,
  columns: {
    id: 'text',
    tenant_id: 'text',
    session_id: 'text',
    /** The conversation, and which of its lives. */
    session: 'text',
    life: 'integer',
    user_id: 'text',
    corpus_id: 'text',
    status: 'text',
    reason_code: 'text?',
    /** Null once they are forgotten. */
    message_content_id: 'text?',
    answer_content_id: 'text?',
    /** What was retrieved for a run that failed. */
    trace_content_id: 'text?',
    top_k: 'integer?',
    citation_count: 'integer?',
    chunk_count: 'integer?',
    degraded: 'boolean?',
    input_tokens: 'integer?',
    output_tokens: 'integer?',
    /** Part of the input, and of the output. */
    cached_tokens: 'integer?',
    reasoning_tokens: 'integer?',
    duration_ms: 'integer?',
    provider: 'text?',
    model: 'text?',
    frame_count: 'integer?',
    frames_sha256: 'text?',
    started_at: 'timestamptz',
    ended_at: 'timestamptz?',
    forgotten_at: 'timestamptz?',
    position: 'text',
  },
  indexes: [
    ['tenant_id', 'session', 'position'],
    ['tenant_id', 'started_at', 'id'],
    ['tenant_id', 'user_id', 'started_at', 'id'],
    ['status', 'started_at'],
  ],
  key: (event) => event.data.runId,
  on: {
    RunStarted: (event) => ({
      id: event.data.runId,
      tenant_id: event.tenantId,
      session_id: event.data.sessionId,
      session: event.data.session,
      life: event.data.life,
      user_id: event.data.userId,
      corpus_id: event.data.corpusId,
      status: 'running',
      reason_code: null,
      message_content_id: event.data.message.id,
      answer_content_id: null,
      trace_content_id: null,
      top_k: event.data.topK,
      citation_count: null,
      chunk_count: null,
      degraded: null,
      input_tokens: null,
      output_tokens: null,
      cached_tokens: null,
      reasoning_tokens: null,
      duration_ms: null,
      provider: null,
      model: null,
      frame_count: null,
      frames_sha256: null,
      started_at: event.occurredAt,
      ended_at: null,
      forgotten_at: null,
      position: event.position,
    }),
    RunCompleted: (event, row) =>
      row && {
        ...row,
        status: 'succeeded',
        reason_code: event.data.reasonCode,
        answer_content_id: event.data.answer.id,
        citation_count: event.data.citationCount,
        chunk_count: event.data.chunkCount,
        degraded: event.data.degraded,
        input_tokens: event.data.inputTokens,
        output_tokens: event.data.outputTokens,
        cached_tokens: event.data.cachedTokens,
        reasoning_tokens: event.data.reasoningTokens,
        duration_ms: event.data.durationMs,
        provider: event.data.provider,
        model: event.data.model,
        frame_count: event.data.frames.count,
        frames_sha256: event.data.frames.sha256,
        ended_at: event.occurredAt,
      },
    RunSpeechTold: ({ data: { frames } }, row) =>
      row && { ...row, frame_count: frames.count, frames_sha256: frames.sha256 },
    RunFailed: (event, row) =>
      row && {
        ...row,
        ...ended(event, 'failed', event.data.code),
        trace_content_id: event.data.trace?.id ?? null,
      },
    RunCancelled: (event, row) => row && { ...row, ...ended(event, 'cancelled', event.data.reason) },
    RunForgotten: (event, row) =>
      row && {
        ...row,
        message_content_id: null,
        answer_content_id: null,
        trace_content_id: null,
        forgotten_at: event.occurredAt,
      },
  },
});

function ended(
  event: Recorded<Extract<RunEvent, { type: 'RunFailed' | 'RunCancelled' }>>,
  status: string,
  reason: string,
) {
  return {
    status,
    reason_code: reason,
    frame_count: event.data.frames?.count ?? null,
    frames_sha256: event.data.frames?.sha256 ?? null,
    duration_ms: event.type === 'RunFailed' ? event.data.durationMs : null,
    ended_at: event.occurredAt,
  };
}
