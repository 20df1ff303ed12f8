import { setTimeout as delay } from 'node:timers/promises';

/** Lets the event loop run: the embedded engine answers without it, so that long work would starve requests. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Waits 20 ms to 5 s, longer with each attempt, with jitter; returns early when the signal aborts. */
export async function backoff(attempt: number, signal: AbortSignal): Promise<void> {
  const millis = Math.min(5_000, 10 * 2 ** Math.min(attempt, 12)) * (0.5 + Math.random() / 2);
  await pause(millis, signal);
}

/** Waits, or returns early when the signal aborts. */
export async function pause(millis: number, signal: AbortSignal): Promise<void> {
  await delay(millis, undefined, { signal, ref: false }).catch(() => undefined);
}
