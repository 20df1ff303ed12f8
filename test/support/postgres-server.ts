import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from './redis-server.js';
import { until } from './until.js';

/** Where Debian has the programs of its newest version, or whichever version `initdb` on the path is of. */
function programs(): string | undefined {
  const versions = '/usr/lib/postgresql';
  const debian = existsSync(versions) ? readdirSync(versions).sort((a, b) => Number(b) - Number(a)) : [];
  const found = debian.map((version) => join(versions, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')));
  if (found !== undefined) return found;
  return spawnSync('initdb', ['--version']).status === 0 ? '' : undefined;
}

const bin = programs();

/** Why a spec cannot have a PostgreSQL server of its own here; undefined when it can. */
export const noPostgresServer = bin === undefined ? 'the programs of a PostgreSQL server are not installed' : undefined;

/** PostgreSQL refuses to run as root. */
function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

/** A PostgreSQL server of one spec, which may be killed with all that it had not yet written, and started again. */
export class PostgresServer {
  private child: ChildProcess | undefined;
  private readonly as = unprivileged();

  private constructor(
    private readonly folder: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<PostgresServer> {
    const folder = await mkdtemp(join(tmpdir(), 'nexusrag-postgres-'));
    const server = new PostgresServer(folder, await freePort());
    if (server.as !== undefined) await chown(folder, server.as.uid, server.as.gid);
    const args = ['-D', join(folder, 'data'), '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C'];
    execFileSync(join(bin ?? '', 'initdb'), args, { stdio: 'ignore', ...server.as });
    await server.start();
    return server;
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  /** Unless it runs. */
  async start(): Promise<void> {
    if (this.child !== undefined) return;
    const settings = [`port=${this.port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${this.folder}`];
    // What is committed without waiting stays in memory for as long as it may.
    settings.push('wal_writer_delay=10s', 'wal_writer_flush_after=0');
    const args = ['-D', join(this.folder, 'data'), ...settings.flatMap((setting) => ['-c', setting])];
    this.child = spawn(join(bin ?? '', 'postgres'), args, { stdio: 'ignore', ...this.as });
    await until('PostgreSQL answers', () => this.answers());
  }

  /** Its memory is gone; what it had handed to the system stays. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined) return;
    child.kill('SIGKILL');
    await once(child, 'close');
    // Its children notice by themselves; before that no other may start in the folder.
    await until('its connections are gone', async () => !(await this.answers()));
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  private async answers(): Promise<boolean> {
    const client = new pg.Client(this.url);
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('select 1');
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
