import { defineDecider, type Decision } from '../../kernel/decider.js';
import { defineErrors, refuse } from '../../kernel/errors.js';
import type { SessionEvent } from './sessions.events.js';

export const sessionErrors = defineErrors('sessions', {
  notFound: ['not_found', 'NOT_FOUND', 'Session not found'],
});

type DataOf<T extends SessionEvent['type']> = Extract<SessionEvent, { type: T }>['data'];

export interface RenameSession {
  readonly type: 'RenameSession';
  readonly data: DataOf<'SessionRenamed'>;
}

export interface DeleteSession {
  readonly type: 'DeleteSession';
  readonly data: DataOf<'SessionDeleted'>;
}

export type SessionCommand = RenameSession | DeleteSession;

export interface SessionState {
  /** How often the session was deleted before; the number of the life that goes on now. */
  readonly deletions: number;
  readonly titleId: string | null;
}

/** One stream a session of a user. Runs begin a session by themselves, so that it has a history only when it was changed. */
export const sessions = defineDecider<SessionCommand, SessionEvent, SessionState>({
  category: 'sessions',
  initial: { deletions: 0, titleId: null },
  decide: (command, state): Decision<SessionEvent> => {
    // What is meant is the life that the caller saw.
    if (command.data.life !== state.deletions) return refuse(sessionErrors.notFound);
    switch (command.type) {
      case 'RenameSession':
        return (command.data.title?.id ?? null) === state.titleId
          ? []
          : [{ type: 'SessionRenamed', data: command.data }];
      case 'DeleteSession':
        return [{ type: 'SessionDeleted', data: command.data }];
    }
  },
  evolve: (state, event) => {
    switch (event.type) {
      case 'SessionRenamed':
        return { ...state, titleId: event.data.title?.id ?? null };
      case 'SessionDeleted':
        return { deletions: state.deletions + 1, titleId: null };
    }
  },
});

/** Whose key seals what is said in one life of a session, so that destroying it can never meet what is said in a later one. */
export function sessionSubject(tenantId: string, session: string, life: number) {
  return { tenantId, kind: 'session', id: life === 0 ? session : `${session}.${life}` };
}
