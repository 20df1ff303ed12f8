import { defineDecider, type Decision } from '../../kernel/decider.js';
import { defineErrors, refuse } from '../../kernel/errors.js';
import type { RunEvent } from './runs.events.js';

export const runErrors = defineErrors('runs', {
  notFound: ['not_found', 'NOT_FOUND', 'Run not found'],
  alreadyStarted: ['conflict', 'RUN_ALREADY_STARTED', 'The run has been started'],
  corpusNotFound: ['not_found', 'RETRIEVAL_CONFIG_INVALID', 'corpus not found'],
  retrievalFailed: ['unavailable', 'RETRIEVAL_ERROR', 'Retrieval failed'],
  busy: ['unavailable', 'SERVICE_BUSY', 'All run slots are taken'],
  interrupted: ['unavailable', 'RUN_INTERRUPTED', 'The run was interrupted before it ended'],
});

type DataOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>['data'];

export interface StartRun {
  readonly type: 'StartRun';
  readonly data: DataOf<'RunStarted'>;
}

export interface CompleteRun {
  readonly type: 'CompleteRun';
  readonly data: Omit<DataOf<'RunCompleted'>, 'runId' | 'sessionId'>;
}

/** Tells what became of the speech of an answer. */
export interface TellSpeech {
  readonly type: 'TellSpeech';
  readonly data: Omit<DataOf<'RunSpeechTold'>, 'runId' | 'sessionId'>;
}

export interface FailRun {
  readonly type: 'FailRun';
  readonly data: Omit<DataOf<'RunFailed'>, 'runId' | 'sessionId'>;
}

export interface CancelRun {
  readonly type: 'CancelRun';
  readonly data: Omit<DataOf<'RunCancelled'>, 'runId' | 'sessionId'>;
}

/** Forgets what was asked and answered. */
export interface ForgetRun {
  readonly type: 'ForgetRun';
  readonly data: Readonly<Record<string, never>>;
}

export type RunCommand = StartRun | CompleteRun | TellSpeech | FailRun | CancelRun | ForgetRun;

export type RunState =
  | { readonly status: 'absent' }
  | {
      readonly status: 'running' | 'ended';
      readonly runId: string;
      readonly sessionId: string;
      /** What was asked, to tell a repeat from another question under the same key. */
      readonly asked: DataOf<'RunStarted'>;
      /** Present when it ended with an answer. */
      readonly completed?: DataOf<'RunCompleted'>;
      /** What was retrieved for one that failed; null where nothing was. */
      readonly trace?: DataOf<'RunFailed'>['trace'];
      /** Present when its speech was told too. */
      readonly speech?: DataOf<'RunSpeechTold'>;
      readonly forgotten?: true;
    };

/** One stream a run: it starts once and ends once, whoever says so first. */
export const runs = defineDecider<RunCommand, RunEvent, RunState>({
  category: 'runs',
  initial: { status: 'absent' },
  decide: (command, state) => {
    if (command.type === 'StartRun') return start(command, state);
    if (state.status === 'absent') return refuse(runErrors.notFound);
    if (command.type === 'ForgetRun') return forget(state);
    if (command.type === 'TellSpeech') return tellSpeech(command, state);
    if (state.status === 'ended') return [];
    const { runId, sessionId } = state;
    switch (command.type) {
      case 'CompleteRun':
        return [{ type: 'RunCompleted', data: { runId, sessionId, ...command.data } }];
      case 'FailRun':
        return [{ type: 'RunFailed', data: { runId, sessionId, ...command.data } }];
      case 'CancelRun':
        return [{ type: 'RunCancelled', data: { runId, sessionId, ...command.data } }];
    }
  },
  evolve: (state, event) => {
    switch (event.type) {
      case 'RunStarted':
        return { status: 'running', runId: event.data.runId, sessionId: event.data.sessionId, asked: event.data };
      case 'RunCompleted':
        return state.status === 'running' ? { ...state, status: 'ended', completed: event.data } : state;
      case 'RunSpeechTold':
        return state.status === 'absent' ? state : { ...state, speech: event.data };
      case 'RunFailed':
        return state.status === 'running' ? { ...state, status: 'ended', trace: event.data.trace } : state;
      case 'RunCancelled':
        return state.status === 'absent' ? state : { ...state, status: 'ended' };
      case 'RunForgotten':
        return state.status === 'absent' ? state : { ...state, forgotten: true };
    }
  },
});

/** Of an answer only, and once. */
function tellSpeech({ data }: TellSpeech, state: Exclude<RunState, { status: 'absent' }>): Decision<RunEvent> {
  const { runId, sessionId, completed, speech } = state;
  if (completed === undefined || speech !== undefined) return [];
  return [{ type: 'RunSpeechTold', data: { runId, sessionId, ...data } }];
}

/** One that is under way is forgotten when it has ended. */
function forget(state: Exclude<RunState, { status: 'absent' }>): Decision<RunEvent> {
  if (state.status === 'running' || state.forgotten === true) return [];
  const { runId, sessionId, asked, completed, trace } = state;
  const contentIds = [asked.message, completed?.answer, trace].flatMap((kept) => (kept == null ? [] : [kept.id]));
  return [{ type: 'RunForgotten', data: { runId, sessionId, contentIds } }];
}

function start(command: StartRun, state: RunState): Decision<RunEvent> {
  if (state.status !== 'absent') return refuse(runErrors.alreadyStarted);
  return [{ type: 'RunStarted', data: command.data }];
}
