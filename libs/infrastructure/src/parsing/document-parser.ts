import { Worker } from 'node:worker_threads';
import {
  defaultParseLimits,
  type ParseLimits,
  type ParseTask,
  type TextPart,
  type WorkerMessage,
} from './parse-task.js';
import { isParsingProblem, unreadable } from './parsing-errors.js';

/** How often a worker's memory is looked at. */
const LOOK_MS = 50;
const MB = 1024 * 1024;

const fromSources = import.meta.url.endsWith('.ts');
const entry = new URL(fromSources ? './parse-worker.ts' : './parse-worker.js', import.meta.url);

/** Reads files in threads that are ended when they take too long or too much, and always in the end. */
export class DocumentParser {
  readonly limits: ParseLimits;

  constructor(limits: Partial<ParseLimits> = {}) {
    this.limits = { ...defaultParseLimits, ...limits };
  }

  /** The parts of a file's text, in order. Throws a row of `parsingErrors` for a file that cannot be read. */
  async *parse(task: Omit<ParseTask, 'limits'>, signal?: AbortSignal): AsyncGenerator<TextPart> {
    const reading = new Reading({ ...task, limits: this.limits });
    try {
      for (;;) {
        signal?.throwIfAborted();
        const message = await reading.next(signal);
        if (message.kind === 'end') return;
        if (message.kind === 'refused')
          throw unreadable(isParsingProblem(message.problem) ? message.problem : 'broken', new Error(message.cause));
        yield* message.parts;
        reading.heard();
      }
    } finally {
      await reading.stop();
    }
  }
}

/** One worker at work. Only the time in which somebody waits for it counts. */
class Reading {
  private readonly worker: Worker;
  private readonly inbox: WorkerMessage[] = [];
  private failure: Error | undefined;
  private notify: (() => void) | undefined;
  private readonly look: NodeJS.Timeout;
  private spentMs = 0;

  constructor(private readonly task: ParseTask) {
    const { memoryMb } = task.limits;
    this.worker = new Worker(entry, {
      workerData: { task },
      resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: 64, stackSizeMb: 4 },
      execArgv: process.execArgv.filter((flag) => /^--(?:import|conditions)=/u.test(flag)),
      env: {},
      stdout: true,
      stderr: true,
    });
    // What a library prints is nobody's business.
    this.worker.stdout.resume();
    this.worker.stderr.resume();
    this.worker.on('message', (message: WorkerMessage) => {
      this.inbox.push(message);
      this.notify?.();
    });
    this.worker.on('error', (error) => this.fail(isOutOfMemory(error) ? unreadable('tooHungry', error) : error));
    this.worker.on('exit', () => this.fail(unreadable('broken', new Error('the worker ended by itself'))));
    this.look = setInterval(() => void this.checkMemory(), LOOK_MS).unref();
  }

  async next(signal: AbortSignal | undefined): Promise<WorkerMessage> {
    const since = performance.now();
    const timer = setTimeout(
      () => this.fail(unreadable('tooSlow')),
      Math.max(0, this.task.limits.timeoutMs - this.spentMs),
    );
    const abort = (): void => this.fail(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal?.addEventListener('abort', abort, { once: true });
    try {
      for (;;) {
        const message = this.inbox.shift();
        if (message !== undefined) return message;
        if (this.failure !== undefined) throw this.failure;
        await new Promise<void>((resolve) => (this.notify = resolve));
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      this.spentMs += performance.now() - since;
    }
  }

  heard(): void {
    this.worker.postMessage('heard');
  }

  async stop(): Promise<void> {
    clearInterval(this.look);
    await this.worker.terminate();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.notify?.();
  }

  /** The limits of a thread's heap leave out what lies beside it: the bytes of buffers. */
  private async checkMemory(): Promise<void> {
    const heap = await this.worker.getHeapStatistics().catch(() => undefined);
    if (heap === undefined) return;
    const { used_heap_size: used, external_memory: beside } = heap as unknown as Record<string, number>;
    if ((used ?? 0) + (beside ?? 0) > this.task.limits.memoryMb * MB) this.fail(unreadable('tooHungry'));
  }
}

function isOutOfMemory(error: Error): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY';
}
