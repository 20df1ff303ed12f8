import { setTimeout as delay } from 'node:timers/promises';

/** Waits until `holds` does; fails after `ms` with what it waited for. */
export async function until(what: string, holds: () => Promise<boolean> | boolean, ms = 30_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms for: ${what}`);
    await delay(5);
  }
}
