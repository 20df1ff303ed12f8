import type { Recorded } from '../../kernel/events.js';
import { defineProjection } from '../../kernel/projection.js';
import type { RunEvent } from './runs.events.js';

export const runRows = defineProjection<RunEvent>()({
  table: 'runs',
  version: 1,
  columns: {
    id: 'text',
    tenant_id: 'text',
    session_id: 'text',
    corpus_id: 'text',
    status: 'text',
    reason_code: 'text?',
    message_content_id: 'text',
    answer_content_id: 'text?',
    frame_count: 'integer?',
    frames_sha256: 'text?',
    started_at: 'timestamptz',
    ended_at: 'timestamptz?',
    position: 'text',
  },
  indexes: [
    ['tenant_id', 'session_id', 'position'],
    ['status', 'started_at'],
  ],
  key: (event) => event.data.runId,
  on: {
    RunStarted: (event) => ({
      id: event.data.runId,
      tenant_id: event.tenantId,
      session_id: event.data.sessionId,
      corpus_id: event.data.corpusId,
      status: 'running',
      reason_code: null,
      message_content_id: event.data.message.id,
      answer_content_id: null,
      frame_count: null,
      frames_sha256: null,
      started_at: event.occurredAt,
      ended_at: null,
      position: event.position,
    }),
    RunCompleted: (event, row) =>
      row && {
        ...row,
        status: 'succeeded',
        reason_code: event.data.reasonCode,
        answer_content_id: event.data.answer.id,
        frame_count: event.data.frames.count,
        frames_sha256: event.data.frames.sha256,
        ended_at: event.occurredAt,
      },
    RunFailed: (event, row) => row && { ...row, ...ended(event, 'failed', event.data.code) },
    RunCancelled: (event, row) => row && { ...row, ...ended(event, 'cancelled', event.data.reason) },
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
    ended_at: event.occurredAt,
  };
}

export const sessionRows = defineProjection<RunEvent>()({
  table: 'sessions',
  version: 1,
  form: 'tally',
  columns: {
    id: 'text',
    tenant_id: 'text',
    runs_started: 'integer',
    runs_succeeded: 'integer',
    created_at: 'timestamptz',
    last_seen_at: 'timestamptz',
  },
  indexes: [['tenant_id', 'created_at', 'id']],
  key: (event) => event.data.sessionId,
  on: {
    RunStarted: (event, row) => ({
      id: event.data.sessionId,
      tenant_id: event.tenantId,
      runs_started: (row?.runs_started ?? 0) + 1,
      runs_succeeded: row?.runs_succeeded ?? 0,
      created_at: row?.created_at ?? event.occurredAt,
      last_seen_at: event.occurredAt,
    }),
    RunCompleted: (event, row) =>
      row && { ...row, runs_succeeded: row.runs_succeeded + 1, last_seen_at: event.occurredAt },
  },
});
