import { AsyncLocalStorage } from 'node:async_hooks';

/** What every line carries that is written while a request, job or batch is worked on. */
export interface LogScope {
  readonly request_id?: string;
  readonly job_id?: string;
  /** The W3C trace context that the work goes on from, well-formed. */
  readonly traceparent?: string;
}

const storage = new AsyncLocalStorage<LogScope>();

/** Runs `work` so that each log line below it carries `scope`. */
export function withLogScope<T>(scope: LogScope, work: () => T): T {
  return storage.run(scope, work);
}

/** What of the scope a log line shows: of the trace context its id. */
export function shownLogScope(): Readonly<Record<string, string>> {
  const { traceparent, ...shown } = storage.getStore() ?? {};
  return traceparent === undefined ? shown : { ...shown, trace_id: traceparent.slice(3, 35) };
}

/** The header that hands the trace of the current work on to another service; none outside a trace. */
export function traceHeaders(): Readonly<Record<string, string>> {
  const traceparent = storage.getStore()?.traceparent;
  return traceparent === undefined ? {} : { traceparent };
}

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** A trace context in the form of version 00 of the W3C recommendation; undefined for anything else. */
export function wellFormedTrace(value: unknown): string | undefined {
  return typeof value === 'string' && TRACEPARENT.test(value) ? value : undefined;
}
