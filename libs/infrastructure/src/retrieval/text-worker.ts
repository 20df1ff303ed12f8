import { parentPort, workerData } from 'node:worker_threads';
import { TermHasher } from './term-hasher.js';
import { buffersOf, TextWork, type TextTask } from './text-work.js';

/** Answers each message of tasks with their results, in order. */

const { key } = workerData as { readonly key: Uint8Array };
const work = new TextWork(new TermHasher(key));

parentPort?.on('message', (tasks: readonly TextTask[]) => void answer(tasks));

async function answer(tasks: readonly TextTask[]): Promise<void> {
  const results = await Promise.all(tasks.map(async (task) => work.do(task)).map((result) => result.catch(asError)));
  const buffers = results.flatMap((result) => (result instanceof Error ? [] : buffersOf(result)));
  parentPort?.postMessage(results, buffers);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
