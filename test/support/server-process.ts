import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startServer, type Role } from '#cli/server.js';
import { loadConfig } from '#infra/config/config.js';
import type { Platform } from '#infra/platform/platform.js';
import { createLogger } from '#infra/telemetry/logger.js';
import { TestAnswerer } from './answerers.js';

/** A step after which the process dies, once it is armed by SIGUSR2. */
export type KillPoint =
  | 'claim'
  | 'content'
  | 'append'
  | 'checkpoint'
  | 'stored-answer'
  | 'run-answer'
  | 'run-completed'
  | 'audio-stored'
  | 'speech-told';

const die = (): Promise<never> => {
  process.kill(process.pid, 'SIGKILL');
  return new Promise<never>(() => undefined);
};

type Method = (...args: unknown[]) => Promise<unknown>;

/** Lets a method do its work, and the process die before anyone hears of it. */
function dieAfter(target: object, name: string, when: (result: unknown, args: readonly unknown[]) => boolean): void {
  const original = (Reflect.get(target, name) as Method).bind(target);
  const dying: Method = async (...args) => {
    const result = await original(...args);
    return when(result, args) ? die() : result;
  };
  Reflect.set(target, name, dying);
}

/** Whether a list of contents or of events among the arguments has one of this kind or type. */
function holds(args: readonly unknown[], name: string): boolean {
  const listed = args.flat() as (string | { readonly kind?: string; readonly type?: string })[];
  return listed.some((item) => item === name || (typeof item === 'object' && [item.kind, item.type].includes(name)));
}

function arm({ idempotency, content, log, progress }: Platform, point: KillPoint): void {
  switch (point) {
    case 'claim':
      return dieAfter(idempotency, 'claim', (claim) => (claim as { state: string }).state === 'run');
    case 'content':
      return dieAfter(content, 'enclose', (_, args) => holds(args, 'document'));
    case 'append':
      return dieAfter(log, 'append', (_, args) => holds(args, 'DocumentSubmitted'));
    case 'stored-answer':
      return dieAfter(idempotency, 'complete', () => true);
    case 'run-answer':
      return dieAfter(content, 'enclose', (_, args) => holds(args, 'run-answer'));
    case 'run-completed':
      return dieAfter(log, 'append', (_, args) => holds(args, 'RunCompleted'));
    case 'audio-stored':
      return dieAfter(log, 'append', (_, args) => holds(args, 'AudioStored'));
    case 'speech-told':
      return dieAfter(log, 'append', (_, args) => holds(args, 'RunSpeechTold'));
    case 'checkpoint':
      progress.subscribe((table) => {
        if (table === 'documents') void die();
      });
  }
}

/** One server process: node … server-process.ts <roles> [<kill point>]. Prints a line of JSON when it is ready. */
const [, , roles = 'api,projector', point = ''] = process.argv;
const config = loadConfig();
const server = await startServer({
  config,
  roles: roles.split(',') as Role[],
  logger: createLogger({ level: config.telemetry.LOG_LEVEL }),
  version: '0.0.0-test',
  answerer: new TestAnswerer(),
});
process.on('SIGUSR2', () => {
  arm(server.platform, point as KillPoint);
  process.stdout.write('"armed"\n');
});
/** The most that was in use since the first SIGHUP, after everything that could go is gone; each further one tells it. */
let most: { heap: number; rss: number } | undefined;
process.on('SIGHUP', () => {
  if (most !== undefined) return void process.stdout.write(`${JSON.stringify({ most })}\n`);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const look = (): void => {
    collect();
    const { heapUsed, external, rss } = process.memoryUsage();
    most = { heap: Math.max(most?.heap ?? 0, heapUsed + external), rss: Math.max(most?.rss ?? 0, rss) };
  };
  look();
  setInterval(look, 500).unref();
  process.stdout.write(`${JSON.stringify({ most })}\n`);
});
process.once('SIGTERM', () => {
  void server.stop().then(() => process.exit(0));
});
process.stdout.write(`${JSON.stringify({ url: server.url ?? '', operatorToken: server.operatorToken })}\n`);
