import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const pathOf = (specifier: string): string => fileURLToPath(import.meta.resolve(specifier));

/** A child process and the first line that it printed. */
export interface Started {
  readonly child: ChildProcess;
  readonly said: string;
  stop(): Promise<void>;
}

/** Starts a script and waits for what it says first. Standard error goes to a file in `folder`. */
async function start(
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  folder: string,
): Promise<Started> {
  const errors = await open(join(folder, 'stderr.log'), 'a');
  const flags = (process.env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter(Boolean);
  const child = spawn(process.execPath, [...flags, script, ...args], { env, stdio: ['ignore', 'pipe', errors.fd] });
  const exited = once(child, 'exit');
  const said = await Promise.race([
    firstOutput(child),
    exited.then(() => Promise.reject(new Error(`${script} ended at once; see ${folder}`))),
  ]);
  await errors.close();
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
  };
  return { child, said, stop };
}

function firstOutput(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => child.stdout?.once('data', (data: Buffer) => resolve(data.toString().trim())));
}

export interface ServerProcess {
  readonly url: string;
  readonly apiKey: string;
  readonly databaseUrl: string;
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

/** The product as a user starts it, with the demo corpus, on a database of its own; `main` may stand in for its command line. */
export async function startProduct(
  databaseUrl: string,
  more: Readonly<Record<string, string>> = {},
  main = '#cli/main.js',
): Promise<ServerProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'nexusrag-bench-'));
  const own = { DATABASE_URL: databaseUrl, DATA_DIR: folder, PORT: '0', NODE_ENV: 'production' };
  const env = { ...process.env, ...own, ...more };
  const started = await start(pathOf(main), ['start', '--json'], env, folder);
  const { url, api_key: apiKey } = JSON.parse(started.said) as { url: string; api_key: string };
  const stop = async (): Promise<void> => {
    await started.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return { url, apiKey, databaseUrl, pid: started.child.pid, stop };
}

/** A bare Fastify handler that returns `body`. */
export async function startBare(body: string, type: string): Promise<{ url: string; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'nexusrag-bench-'));
  const started = await start(pathOf('#test/bench/bare-server.js'), [body, type], process.env, folder);
  const stop = async (): Promise<void> => {
    await started.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return { url: started.said, stop };
}

/** Runs a script to its end and gives what it printed. */
export async function outputOf(specifier: string, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [pathOf(specifier), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${specifier} ended with ${code ?? 'a signal'}`);
  return output;
}
