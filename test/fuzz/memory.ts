import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of the heap that are in use after everything that could go is gone. */
export async function heapUsed(): Promise<number> {
  for (let times = 0; times < 3; times += 1) {
    collect();
    await delay(50);
  }
  return process.memoryUsage().heapUsed;
}
