import { AsyncLocalStorage } from 'node:async_hooks';

/** What every line carries that is written while a request, job or batch is worked on. */
export interface LogScope {
  readonly request_id?: string;
  readonly job_id?: string;
}

const storage = new AsyncLocalStorage<LogScope>();

/** Runs `work` so that each log line below it carries `scope`. */
export function withLogScope<T>(scope: LogScope, work: () => T): T {
  return storage.run(scope, work);
}

export function currentLogScope(): LogScope | undefined {
  return storage.getStore();
}
