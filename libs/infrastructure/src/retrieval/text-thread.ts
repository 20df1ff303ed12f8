import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Gathered } from '#infra/batching/gathered.js';
import type { Postings } from './postings.js';
import { TermHasher } from './term-hasher.js';
import { TextWork, type TextResult, type TextTask } from './text-work.js';

/** A thread is worth its start to who has as many texts as this. */
const WORTH_TEXTS = 200;
const TASKS_AT_ONCE = 32;

const fromSources = import.meta.url.endsWith('.ts');
const entry = new URL(fromSources ? './text-worker.ts' : './text-worker.js', import.meta.url);

/**
 * Counts and embeds texts: in a thread of its own once there were many, so that the event loop is there for requests while
 * documents come in; where there is only one processor, never.
 */
export class TextThread {
  private texts = 0;
  private worker: Worker | undefined;
  private readonly here: TextWork;
  private readonly gathered = new Gathered((tasks: readonly TextTask[]) => this.send(tasks), TASKS_AT_ONCE);

  /** The key is that of the index terms. */
  constructor(
    private readonly key: Uint8Array,
    private readonly worthTexts = availableParallelism() > 1 ? WORTH_TEXTS : Infinity,
  ) {
    this.here = new TextWork(new TermHasher(key));
  }

  async count(tenantId: string, ordinals: readonly number[], texts: readonly string[]): Promise<Postings> {
    return (await this.do({ kind: 'count', tenantId, ordinals, texts })) as Postings;
  }

  /** Vectors of a `HashingEmbedder` with its defaults. */
  async embed(dimension: number, texts: readonly string[]): Promise<readonly Float32Array[]> {
    return (await this.do({ kind: 'embed', dimension, texts })) as readonly Float32Array[];
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
  }

  private async do(task: TextTask): Promise<TextResult> {
    this.texts += task.texts.length;
    return this.texts < this.worthTexts ? this.here.do(task) : this.gathered.add(task);
  }

  /** One message, and its answer. A thread that dies fails what was asked of it; the next message starts another one. */
  private async send(tasks: readonly TextTask[]): Promise<readonly (TextResult | Error)[]> {
    const worker = (this.worker ??= this.start());
    // Who waits for it keeps the process alive; else nobody does.
    worker.ref();
    try {
      return await answerOf(worker, tasks);
    } finally {
      worker.unref();
    }
  }

  private start(): Worker {
    const execArgv = process.execArgv.filter((flag) => /^--(?:import|conditions)=/u.test(flag));
    const worker = new Worker(entry, { workerData: { key: this.key }, execArgv, env: {} });
    const forget = (): void => {
      if (this.worker === worker) this.worker = undefined;
    };
    return worker.on('error', forget).on('exit', forget);
  }
}

function answerOf(worker: Worker, tasks: readonly TextTask[]): Promise<readonly (TextResult | Error)[]> {
  return new Promise((resolve, reject) => {
    const over = (): void => {
      worker.off('message', answered).off('error', failed).off('exit', ended);
    };
    const answered = (results: readonly (TextResult | Error)[]): void => {
      over();
      resolve(results);
    };
    const failed = (error: unknown): void => {
      over();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const ended = (code: number): void => failed(new Error(`The thread that reads texts ended with code ${code}.`));
    worker.on('message', answered).on('error', failed).on('exit', ended);
    worker.postMessage(tasks);
  });
}
