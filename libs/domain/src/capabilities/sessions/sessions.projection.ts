import { defineProjection, type RowOf } from '../../kernel/projection.js';
import type { RunEvent } from '../runs/runs.events.js';
import type { SessionEvent } from './sessions.events.js';

/** A deleted session stays as a mark, so that a run that began before tells nothing of it again. */
export const sessionRows = defineProjection<SessionEvent | Extract<RunEvent, { type: 'RunStarted' }>>()({
  table: 'sessions',
  version: 2,
  form: 'tally',
  columns: {
    id: 'text',
    tenant_id: 'text',
    /** The name that its user's clients gave it. */
    session_id: 'text',
    /** Empty for one that began before users were told. */
    user_id: 'text',
    life: 'integer',
    deleted: 'boolean',
    /** Where its last question was asked. */
    corpus_id: 'text',
    title_content_id: 'text?',
    runs_started: 'integer',
    created_at: 'timestamptz',
    last_seen_at: 'timestamptz',
  },
  indexes: [
    ['tenant_id', 'last_seen_at', 'id'],
    ['tenant_id', 'user_id', 'last_seen_at', 'id'],
    ['tenant_id', 'session_id'],
  ],
  key: (event) => event.data.session,
  on: {
    RunStarted: (event, row) => {
      const { session, sessionId, userId, life, corpusId } = event.data;
      const last = { corpus_id: corpusId, last_seen_at: event.occurredAt };
      if (row !== undefined && life < row.life) return row;
      if (row?.life === life && !row.deleted) return { ...row, ...last, runs_started: row.runs_started + 1 };
      return {
        id: session,
        tenant_id: event.tenantId,
        session_id: sessionId,
        user_id: userId,
        life,
        deleted: false,
        title_content_id: null,
        runs_started: 1,
        created_at: event.occurredAt,
        ...last,
      };
    },
    SessionRenamed: (event, row) =>
      row?.life === event.data.life ? { ...row, title_content_id: event.data.title?.id ?? null } : row,
    SessionDeleted: (event, row) =>
      row && { ...row, life: event.data.life + 1, deleted: true, title_content_id: null, runs_started: 0 },
  },
});

export type SessionRow = RowOf<typeof sessionRows.columns>;
