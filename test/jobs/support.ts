import { setTimeout as delay } from 'node:timers/promises';

/** Waits until `holds` does; fails after 30 s with what it waited for. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited 30 s for ${holds.toString()}`);
    await delay(10);
  }
}
