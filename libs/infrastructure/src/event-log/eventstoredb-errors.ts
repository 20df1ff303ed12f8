import {
  AccessDeniedError,
  CancelledError,
  DeadlineExceededError,
  isCommandError,
  MaxAppendSizeExceededError,
  NotLeaderError,
  StreamDeletedError,
  TimeoutError,
  UnavailableError,
  UnknownError,
} from '@eventstore/db-client';
import { AppendOutcomeUnknown, AppendTooLarge, LogUnavailable } from './event-log.js';

const RETRY_AFTER_MS = 500;

/** The server refuses these credentials, or they may not do this. Waiting does not help. */
export class LogAccessDenied extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(`the event log does not allow us to ${what}; check the user in EVENTSTORE_URL`, options);
    this.name = 'LogAccessDenied';
  }
}

/** What the client or the server says when the call never reached the server's log. */
const notSent = [
  'No connection established',
  'Name resolution failed',
  'Channel closed before call started',
  'Failed to discover after',
  'Channel has been shut down',
  'Server Is Not Ready',
  'Server Is Too Busy',
];

/** An append's failure in the words of the port. What is not certainly one or the other is unknown. */
export function appendError(stream: string, cause: unknown): Error {
  if (cause instanceof AccessDeniedError) return new LogAccessDenied('append', { cause });
  if (cause instanceof MaxAppendSizeExceededError) {
    return new AppendTooLarge(`an append of more than the server's ${cause.maxAppendSize} bytes`);
  }
  if (cause instanceof StreamDeletedError) return new Error(`stream ${stream} was deleted on the server`, { cause });
  if (cause instanceof NotLeaderError || wasNotSent(cause)) return unavailable(cause);
  return new AppendOutcomeUnknown(stream, { cause });
}

/** A read's failure in the words of the port; what may pass is `LogUnavailable`. */
export function readError(cause: unknown): Error {
  if (cause instanceof AccessDeniedError) return new LogAccessDenied('read', { cause });
  if (mayPass(cause) || wasNotSent(cause)) return unavailable(cause);
  return cause instanceof Error ? cause : new Error(String(cause));
}

/** A short name of what ended a subscription, for a metric's label. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return isCommandError(error) ? error.type : 'unreachable';
}

function unavailable(cause: unknown): LogUnavailable {
  return new LogUnavailable('the event log cannot be reached', RETRY_AFTER_MS, { cause });
}

function wasNotSent(cause: unknown): boolean {
  return cause instanceof Error && notSent.some((words) => cause.message.includes(words));
}

const passing = [UnavailableError, CancelledError, UnknownError, DeadlineExceededError, TimeoutError, NotLeaderError];

function mayPass(cause: unknown): boolean {
  return passing.some((kind) => cause instanceof kind);
}
