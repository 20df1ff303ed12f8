import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TestClient } from './client.js';
import { openTestDatabase, type TestDatabase } from './database.js';
import { testLogEnv } from './event-log.js';
import { aCorpus, type TestTenant } from './server.js';
import type { KillPoint } from './server-process.js';

export interface ProcessOptions {
  readonly roles: 'api' | 'projector' | 'api,projector';
  readonly env?: Readonly<Record<string, string>>;
  /** The step after which it dies once it is armed. */
  readonly killAt?: KillPoint;
}

/** Bytes: of the heap with what lies beside it, and of the whole process. */
export interface Memory {
  readonly heap: number;
  readonly rss: number;
}

/** A server in a process of its own. */
export class ServerProcess {
  url = '';
  operatorToken = '';
  /** What it wrote to its log. */
  readonly log: string[] = [];
  readonly exited: Promise<unknown>;
  private readonly ready: Promise<unknown>;
  private readonly armed = Promise.withResolvers<undefined>();
  private looked = Promise.withResolvers<Memory>();

  constructor(readonly child: ChildProcess) {
    this.exited = once(child, 'close');
    const ready = Promise.withResolvers<undefined>();
    this.ready = ready.promise;
    if (child.stdout === null || child.stderr === null) throw new Error('the process has no output');
    createInterface({ input: child.stderr }).on('line', (line) => this.log.push(line));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line) as 'armed' | { most: Memory } | { url: string; operatorToken: string };
      if (said === 'armed') this.armed.resolve(undefined);
      else if ('most' in said) this.looked.resolve(said.most);
      else {
        Object.assign(this, said);
        ready.resolve(undefined);
      }
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves when it serves; rejects when it ended before. */
  async started(): Promise<this> {
    const failed = this.exited.then(() => Promise.reject(new Error(`it did not start: ${this.log.join('\n')}`)));
    await Promise.race([this.ready, failed]);
    return this;
  }

  /** From here on it dies after its kill point. */
  async arm(): Promise<void> {
    this.child.kill('SIGUSR2');
    await this.armed.promise;
  }

  /** The most memory that it used since this was asked first. */
  async memory(): Promise<Memory> {
    this.looked = Promise.withResolvers<Memory>();
    this.child.kill('SIGHUP');
    return this.looked.promise;
  }

  /** Ends it without a warning. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** Asks it to stop, and gives its exit code. */
  async stop(): Promise<unknown> {
    this.child.kill('SIGTERM');
    await this.exited;
    return this.child.exitCode;
  }
}

/** Server processes on one database and one Redis, each with a data folder of its own. */
export class Cluster {
  private readonly processes: ServerProcess[] = [];
  private readonly folders: string[] = [];
  private readonly keys = {
    CRYPTO_LOCAL_MASTER_KEY: randomBytes(32).toString('hex'),
    LEDGER_SIGNING_KEY: randomBytes(32).toString('hex'),
  };

  private constructor(readonly test: TestDatabase) {}

  static async open(): Promise<Cluster> {
    return new Cluster(await openTestDatabase());
  }

  async start(options: ProcessOptions): Promise<ServerProcess> {
    return (await this.launch(options)).started();
  }

  /** As `start`, without waiting until it serves. */
  async launch({ roles, env = {}, killAt }: ProcessOptions): Promise<ServerProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'nexusrag-process-'));
    this.folders.push(folder);
    const flags = ['--conditions=source', '--no-warnings', '--import=./test/support/swc-source.mjs'];
    const script = ['./test/support/server-process.ts', roles, ...(killAt === undefined ? [] : [killAt])];
    const child = spawn(process.execPath, [...flags, ...script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        PORT: '0',
        DATA_DIR: folder,
        DATABASE_URL: this.test.url,
        REDIS_URL: process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379',
        LOG_LEVEL: 'warn',
        RATE_LIMIT_ENABLED: 'false',
        API_DB_POOL_SIZE: '8',
        AUTH_FAILURE_BURST: '1000000',
        // Its keys belong to several people, who look at the same documents.
        AUTHZ_SHARE_NEW_DOCUMENTS: 'true',
        ...(await testLogEnv(this.test)),
        ...this.keys,
        ...env,
      },
    });
    const started = new ServerProcess(child);
    this.processes.push(started);
    return started;
  }

  /** Ends every process that still lives, and drops the database. */
  async close(): Promise<void> {
    await Promise.all(this.processes.map((each) => each.kill()));
    await this.test.drop();
    for (const folder of this.folders) await rm(folder, { recursive: true, force: true });
  }
}

/** Runs an operation of the command line at a process, and gives its items. */
export async function operate(at: ServerProcess, tenantId: string, name: string, args: object): Promise<unknown[]> {
  const operator = new TestClient(at.url, at.operatorToken);
  const { text } = await operator.post(`/v1/operator/${name}`, { args }, { 'x-tenant-id': tenantId });
  const failed = !text.includes('event: end');
  if (failed) throw new Error(`${name} failed: ${text}`);
  return text
    .split('\n\n')
    .filter((frame) => frame.startsWith('event: item'))
    .map((frame) => JSON.parse(frame.split('\ndata: ')[1] ?? 'null') as unknown);
}

export interface MadeKey {
  readonly key_id: string;
  readonly api_key: string;
}

export async function keyAt(at: ServerProcess, tenantId: string, role: string): Promise<MadeKey> {
  const [made] = await operate(at, tenantId, 'keys.create', { tenant: tenantId, role });
  return made as MadeKey;
}

/** A tenant with a key of each role and the corpus c1, made at a process. */
export async function tenantAt(at: ServerProcess): Promise<TestTenant> {
  const tenantId = `tenant_${randomBytes(6).toString('hex')}`;
  const client = async (role: string): Promise<TestClient> =>
    new TestClient(at.url, (await keyAt(at, tenantId, role)).api_key);
  const tenant = {
    tenantId,
    admin: await client('admin'),
    editor: await client('editor'),
    reader: await client('reader'),
  };
  await aCorpus(tenant);
  return tenant;
}
