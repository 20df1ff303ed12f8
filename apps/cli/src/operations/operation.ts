import { setTimeout as delay } from 'node:timers/promises';
import type { Json, JsonObject } from '#domain/kernel/schema.js';
import type { JobQueue } from '#infra/jobs/job-queue.js';
import type { Ledger } from '#infra/platform/ledger.js';
import type { Platform } from '#infra/platform/platform.js';
import type { ProjectionAdmin } from '#infra/projections/admin.js';

const PROGRESS_MS = 200;

/** What an operation may use. It runs in the server that lives on the data, or in one that is started for it. */
export interface OperationContext {
  readonly platform: Platform;
  readonly projections: ProjectionAdmin;
  /** Over the domain log. */
  readonly ledger: Ledger;
  readonly accessLedger: Ledger;
  /** Sees and revives jobs; does not run them. */
  readonly jobs: JobQueue;
  /** Waits, for a second at most, until this process knows what the log holds now: keys in memory, and their table. */
  readonly settled: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** An operator's work: arguments in, a stream of JSON items out. Throws UsageError for arguments that make no sense. */
export type Operation = (context: OperationContext, args: JsonObject) => AsyncIterable<Json>;

/** The arguments are wrong; the message says how to mend them. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** A text argument; throws UsageError when it is missing and has no default. */
export function textArg(args: JsonObject, name: string, byDefault?: string): string {
  const value = args[name] ?? byDefault;
  if (typeof value !== 'string' || value === '') throw new UsageError(`${name} is required`);
  return value;
}

export function optionalText(args: JsonObject, name: string): string | undefined {
  const value = args[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function flag(args: JsonObject, name: string): boolean {
  return args[name] === true;
}

export function numberArg(args: JsonObject, name: string, byDefault: number): number {
  const value = args[name] ?? byDefault;
  const number = typeof value === 'string' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number))
    throw new UsageError(`${name} must be a whole number`);
  return number;
}

/** Plain JSON of a value that may hold dates, bigints or classes. */
export function plain(value: unknown): Json {
  return JSON.parse(
    JSON.stringify(value, (_, entry: unknown) => (typeof entry === 'bigint' ? String(entry) : entry)),
  ) as Json;
}

/** Runs work that tells of its progress by a callback, as a stream of `{progress}` items, thinned out, and one `{result}`. */
export async function* withProgress<P, R>(work: (tell: (progress: P) => void) => Promise<R>): AsyncGenerator<Json> {
  let latest: P | undefined;
  let ended = false;
  const run = work((progress) => (latest = progress)).finally(() => (ended = true));
  // The failure is thrown below; until then nobody waits for it.
  run.catch(() => undefined);
  while (!ended) {
    await Promise.race([run.catch(() => undefined), delay(PROGRESS_MS)]);
    if (latest !== undefined && !ended) yield { progress: plain(latest) };
  }
  yield { result: plain(await run) };
}
