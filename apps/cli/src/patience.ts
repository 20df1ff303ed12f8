import { setTimeout as delay } from 'node:timers/promises';
import { ServerRefused, type Client } from './client.js';
import type { Session } from './session.js';

export interface Patience {
  /** How long a server may stay away before this gives up, in milliseconds. */
  readonly ms: number;
  readonly tenantId?: string | undefined;
  /** Told once when the server is away, and once when it is back. */
  readonly onAway?: (away: boolean) => void;
}

/** The server stayed away longer than the caller's patience. */
export class GaveUp extends Error {
  constructor(ms: number, options: ErrorOptions) {
    super(`the server did not answer for ${Math.round(ms / 1_000)} s`, options);
    this.name = 'GaveUp';
  }
}

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2_000;

/** True for a server that is not there, goes away, starts anew (its token changed) or asks to come back later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ServerRefused) return [401, 429, 502, 503, 504].includes(error.status);
  if (!(error instanceof Error)) return false;
  // What undici's fetch throws for a connection that could not be made, and for one that broke in the answer.
  return ['fetch failed', 'terminated'].includes(error.message) || error.name === 'TimeoutError';
}

/** As long as the server asks for; else longer each time, and never in step with others. */
function waitAfter(error: unknown, attempt: number): number {
  if (error instanceof ServerRefused && error.retryAfterMs !== undefined) return error.retryAfterMs;
  const backoff = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 10));
  return backoff * (0.5 + Math.random() / 2);
}

/** Repeats `work` while the server is away; the client of each attempt knows where the server is then. */
export async function patiently<T>(
  session: Session,
  patience: Patience,
  work: (client: Client, attempt: number) => Promise<T>,
): Promise<T> {
  let since: number | undefined;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const result = await work(session.client(patience.tenantId), attempt);
      if (since !== undefined) patience.onAway?.(false);
      return result;
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (since === undefined) patience.onAway?.(true);
      since ??= Date.now();
      if (Date.now() - since > patience.ms) throw new GaveUp(patience.ms, { cause: error });
      await delay(waitAfter(error, attempt));
    }
  }
}
