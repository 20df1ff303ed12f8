import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '#cli/client.js';
import { findServer } from '#cli/data-dir.js';
import { Database } from '#infra/database/database.js';
import { fillEmbeddedFolder, testEngine } from '#test/support/database.js';

/** For promises about the data folder, which only the embedded engine has; elsewhere they are skipped. */
export const embedded = testEngine === 'pglite' ? describe : describe.skip;

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** Standard output as JSON lines. */
  readonly items: readonly Record<string, unknown>[];
}

/** A process of the command. */
export class CommandProcess {
  out = '';
  err = '';
  readonly ended: Promise<unknown>;

  constructor(readonly child: ChildProcess) {
    child.stdout?.on('data', (part: Buffer) => (this.out += part.toString()));
    child.stderr?.on('data', (part: Buffer) => (this.err += part.toString()));
    this.ended = once(child, 'close');
  }

  async outcome(): Promise<Outcome> {
    await this.ended;
    const lines = this.out.split('\n').filter((line) => line.startsWith('{'));
    const items = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    return { code: this.child.exitCode, out: this.out, err: this.err, items };
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM');
    await this.ended;
    return this.child.exitCode;
  }
}

/** The `nexusrag` command on a data folder of its own. */
export class Cli {
  private readonly processes: CommandProcess[] = [];

  private constructor(
    readonly folder: string,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  static async open(env: Readonly<Record<string, string>> = {}): Promise<Cli> {
    const folder = await mkdtemp(join(tmpdir(), 'nexusrag-cli-'));
    if (env['DATABASE_URL'] === undefined) await fillEmbeddedFolder(join(folder, 'pg'));
    return new Cli(folder, env);
  }

  spawn(...args: readonly string[]): CommandProcess {
    const flags = ['--conditions=source', '--no-warnings', '--import=./test/support/swc-source.mjs'];
    const env = { PATH: process.env['PATH'], PORT: '0', DATA_DIR: this.folder, SHUTDOWN_GRACE_MS: '1000', ...this.env };
    const child = spawn(process.execPath, [...flags, './apps/cli/src/main.ts', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
    });
    const started = new CommandProcess(child);
    this.processes.push(started);
    return started;
  }

  run(...args: readonly string[]): Promise<Outcome> {
    return this.spawn(...args).outcome();
  }

  /** Starts a server and gives the line that it prints. */
  async start(...args: readonly string[]): Promise<{ server: CommandProcess; line: Record<string, unknown> }> {
    const server = this.spawn('start', '--json', ...args);
    const ready = new Promise<string>((resolve) =>
      server.child.stdout?.on('data', () => server.out.includes('\n') && resolve(server.out)),
    );
    const failed = server.ended.then(() => Promise.reject(new Error(`it did not start: ${server.err}`)));
    return { server, line: JSON.parse(await Promise.race([ready, failed])) as Record<string, unknown> };
  }

  /** A client of the server that lives on the folder now. */
  client(tenantId?: string): Client {
    const info = findServer(this.folder);
    if (info === undefined) throw new Error('no server lives');
    return new Client({ url: info.url, token: info.operatorToken, tenantId });
  }

  /** Opens the folder's database behind the server's back; only when none lives. */
  async behind<T>(work: (database: Database) => Promise<T>): Promise<T> {
    const database = await Database.open({ dataDir: join(this.folder, 'pg') });
    return work(database).finally(() => database.close());
  }

  /** The files of the folder that hold these bytes. */
  async filesWith(bytes: string): Promise<string[]> {
    const entries = await readdir(this.folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const found: string[] = [];
    for (const file of files) if ((await readFile(file)).includes(bytes)) found.push(file);
    return found;
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.map((each) => each.kill()));
    await rm(this.folder, { recursive: true, force: true });
  }
}
