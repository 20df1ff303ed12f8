/**
 * Work behind the requests of a process that may wait begins together, at multiples of so many milliseconds: a burst of all of it
 * holds up one request where each by itself would hold up several.
 */
const BEAT_MS = 100;

/** Milliseconds until the first beat that is at least `ms` away. */
export function untilBeat(ms: number, now = performance.now()): number {
  return Math.ceil((now + ms) / BEAT_MS) * BEAT_MS - now;
}
