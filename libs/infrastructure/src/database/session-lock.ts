import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Database } from './database.js';

export interface SessionLockOptions {
  /** Names the lock among all of the database. */
  readonly name: string;
  /** Exclusive bears no other holder, shared only other shared ones. */
  readonly mode: 'exclusive' | 'shared';
  /** How long a holder that is going away is waited for, in ms. */
  readonly patienceMs: number;
  /** Told when the lock was lost with its connection and somebody else has it now. */
  readonly onLost: () => void;
}

const RETRY_MS = 200;
const LONGEST_RETRY_MS = 5_000;

/** So that the server gives up a holder whose machine is gone within seconds. */
const KEEPALIVE = '-c tcp_keepalives_idle=3 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3';

/**
 * A lock of the database server that lives as long as a connection of its own, so that it ends with its process, however
 * that ends. After a lost connection it is taken again.
 */
export class SessionLock {
  private client: pg.Client | undefined;
  private closed = false;

  private constructor(
    private readonly config: pg.ClientConfig,
    private readonly options: SessionLockOptions,
  ) {}

  /** The lock, or undefined while others hold it. The embedded engine has one process by itself, and gives an empty lock. */
  static async take(database: Database, options: SessionLockOptions): Promise<SessionLock | undefined> {
    const extra = database.dataSource.options.extra as pg.ClientConfig;
    const lock = new SessionLock({ ...extra, options: `${extra.options ?? ''} ${KEEPALIVE}`.trim() }, options);
    if (database.engine === 'pglite') return lock;
    const deadline = Date.now() + options.patienceMs;
    while (!(await lock.attempt())) {
      if (Date.now() > deadline) return undefined;
      await delay(RETRY_MS);
    }
    return lock;
  }

  async release(): Promise<void> {
    this.closed = true;
    await this.client?.end().catch(() => undefined);
  }

  private async attempt(): Promise<boolean> {
    const client = new pg.Client(this.config);
    client.on('error', () => undefined);
    try {
      await client.connect();
      const suffix = this.options.mode === 'shared' ? '_shared' : '';
      const statement = `select pg_try_advisory_lock${suffix}(hashtext($1)) as taken`;
      const { rows } = await client.query<{ taken: boolean }>(statement, [this.options.name]);
      if (rows[0]?.taken !== true || this.closed) {
        await client.end();
        return false;
      }
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    this.client = client;
    client.once('end', () => void this.again());
    return true;
  }

  private async again(): Promise<void> {
    this.client = undefined;
    for (let wait = RETRY_MS; !this.closed; wait = Math.min(LONGEST_RETRY_MS, wait * 2)) {
      await delay(wait * (0.5 + Math.random() / 2), undefined, { ref: false });
      try {
        if (await this.attempt()) return;
        if (!this.closed) this.options.onLost();
      } catch {
        // The server is away; so is everybody else's lock.
      }
    }
  }
}
