import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { ConnectionGate, type Leave } from './connection-gate.js';
import { connect, poolOf } from './data-source.js';
import { isConnectionLoss } from './database-errors.js';
import { EmbeddedListener, ServerListener, type Listener } from './listener.js';
import { openPglite, type PgliteHandle } from './pglite.js';
import { PoolWatch } from './pool-watch.js';
import type { Row } from './planned-statement.js';
import { Prepared, type OrderedStatement, type Statement } from './prepared.js';
import { endsOf, twoSteps, type SecondStep, type StepOptions } from './two-steps.js';
import { ReadGroups } from './read-groups.js';

export type DatabaseTarget =
  | { readonly url: string }
  | { readonly dataDir: string }
  | { readonly memory: true; /** A folder dump to start from instead of initdb. */ readonly from?: Blob };

export interface DatabaseOptions {
  /** Most connections of a server's pool; PGlite always has one. */
  readonly poolSize?: number;
  /** Those of the pool that short work shares: more are used only beside what takes longer than 20 ms; all by default. */
  readonly busyConnections?: number;
  /** Milliseconds after which the server cancels a statement; 0: never. */
  readonly statementTimeoutMs?: number;
  readonly applicationName?: string;
}

/**
 * When a commit is safe from a crash of the server; one of this process it survives at once. `now`: before it is told of.
 * `derived`: a moment later; for what is made again from the log.
 */
export type Durability = 'now' | 'derived';

export interface TransactionOptions {
  /** Read committed by default. */
  readonly isolation?: 'read committed' | 'repeatable read';
  /** `now` by default; a nested transaction's is that of the outer one. */
  readonly durability?: Durability;
}

interface Scope {
  readonly client: pg.PoolClient;
  readonly transaction: boolean;
  readonly afterCommit: (() => void)[];
}

/**
 * A parameter whose value the planner does not look at. Where it sees one, as of arrays that are few rows today, it believes that
 * a plan for each call pays, and plans a prepared statement anew for ever.
 */
export function hidden(parameter: string): string {
  return `(select ${parameter})`;
}

/**
 * The one way to Postgres: a server's pool, or the single session of an embedded PGlite. Queries inside `transaction`
 * use its connection, wherever they are called from. Nothing else may open a connection: on PGlite a second user of the
 * session would have its rows rolled back by the first.
 */
export class Database {
  private readonly scopes = new AsyncLocalStorage<Scope>();
  private readonly prepared = new Prepared();
  private readonly reads = new ReadGroups((reads) => this.detached(() => this.readAll(reads)));
  private readonly watch = new PoolWatch();

  private constructor(
    readonly engine: 'postgres' | 'pglite',
    /** TypeORM over the same pool, for migrations and entity queries outside transactions. */
    readonly dataSource: DataSource,
    private readonly listener: Listener,
    private readonly lite: PgliteHandle | undefined,
    private readonly gate = new ConnectionGate(Infinity),
  ) {}

  /** Opens the target; rejects when it cannot be reached. */
  static async open(target: DatabaseTarget, options: DatabaseOptions = {}): Promise<Database> {
    if ('url' in target) return Database.openServer(target.url, options);
    const lite = await openPglite(target);
    const dataSource = await connect({ ...lite.config, max: 1, idleTimeoutMillis: 0 });
    const listener = new EmbeddedListener();
    const database = new Database('pglite', dataSource, listener, lite);
    await database.session(async () => {
      const client = database.scopes.getStore()?.client;
      client?.on('notification', (message) => listener.deliver(message.channel, message.payload ?? ''));
      await database.query('set timezone to UTC');
    });
    return database;
  }

  private static async openServer(url: string, options: DatabaseOptions): Promise<Database> {
    const session = { connectionString: url, application_name: options.applicationName ?? 'nexusrag', keepAlive: true };
    const dataSource = await connect({
      ...session,
      max: options.poolSize ?? 20,
      statement_timeout: options.statementTimeoutMs ?? 0,
      connectionTimeoutMillis: 10_000,
      // Compiling a statement costs more than our longest ones take.
      options: '-c timezone=UTC -c jit=off',
    });
    const gate = new ConnectionGate(options.busyConnections ?? Infinity);
    return new Database('postgres', dataSource, new ServerListener(session), undefined, gate);
  }

  /** Runs one statement in the ambient transaction, or on its own. int8 columns arrive as strings. */
  async query<R>(text: string, params: readonly unknown[] = []): Promise<R[]> {
    return (await this.send(text, params)).rows as R[];
  }

  /**
   * As `query`, but a server's connections keep the statement planned. For hot statements of a fixed text whose best plan
   * is the same for all values; on PGlite, which never analyses its tables, it is planned at each call.
   */
  async queryPrepared<R>(text: string, params: readonly unknown[] = []): Promise<R[]> {
    if (this.engine === 'pglite') return this.query(text, params);
    const scope = this.scopes.getStore();
    const values = params as unknown[];
    const rows = await this.withClient(scope?.client, (client) =>
      this.prepared.run(client, text, values, scope?.transaction !== true),
    );
    return rows as R[];
  }

  /**
   * As `queryPrepared`, for reads that are over in a moment: outside of a transaction, those of one time go out together on
   * one connection, and wait for each other. One that was slow runs by itself for a while.
   */
  async queryTogether<R>(text: string, params: readonly unknown[] = []): Promise<R[]> {
    const alone = this.engine === 'pglite' || this.scopes.getStore() !== undefined || this.prepared.isSlow(text);
    if (alone) return this.queryPrepared<R>(text, params);
    return (await this.reads.run(text, params as unknown[])) as R[];
  }

  /** Runs one statement and gives the number of affected rows. */
  async execute(text: string, params: readonly unknown[] = []): Promise<number> {
    return (await this.send(text, params)).rowCount ?? 0;
  }

  /** Runs `work` in one transaction; a nested call joins the outer one. Keep it short and await only its own queries. */
  async transaction<T>(
    work: () => Promise<T>,
    { isolation = 'read committed', durability = 'now' }: TransactionOptions = {},
  ): Promise<T> {
    const outer = this.scopes.getStore();
    if (outer?.transaction === true) return work();
    const afterCommit: (() => void)[] = [];
    const result = await this.withClient(outer?.client, async (client) => {
      // PGlite's only session has nobody beside it who would wait for its commits.
      const waits = this.engine === 'pglite' || durability === 'now';
      const later = waits ? '' : '; set local synchronous_commit = off';
      await client.query(`begin isolation level ${isolation}${later}`);
      try {
        const value = await this.scopes.run({ client, transaction: true, afterCommit }, work);
        await client.query('commit');
        return value;
      } catch (error) {
        await client.query('rollback').catch(() => undefined);
        throw error;
      }
    });
    for (const action of afterCommit) this.scopes.exit(action);
    return result;
  }

  /**
   * Runs statements of fixed texts in order, in a transaction of their own, and gives the rows of each. A server gets them in one message as
   * soon as its connection has planned them all.
   */
  async atomically(statements: readonly Statement[]): Promise<Row[][]> {
    return this.session(async () => {
      const scope = this.scopes.getStore();
      if (scope?.transaction === true) throw new Error('a transaction of its own cannot be part of another one');
      const [only] = statements;
      if (only !== undefined && statements.length === 1) return [await this.queryPrepared<Row>(only.text, only.values)];
      const client = this.engine === 'postgres' ? scope?.client : undefined;
      const known = client && (await this.prepared.runAtomically(client, statements));
      if (known !== undefined) return known;
      return this.transaction(async () => {
        const rows: Row[][] = [];
        for (const { text, values } of statements) rows.push(await this.queryPrepared<Row>(text, values));
        return rows;
      });
    });
  }

  /**
   * A transaction of `first` and of what `then` makes of their rows, or their part of the ambient one. A server gets it in two messages as
   * soon as its connection has planned them all: the first begins it, and the second commits. Throws `StatementFailed`.
   */
  async inTwoSteps(first: readonly OrderedStatement[], then: SecondStep, options: StepOptions = {}): Promise<void> {
    const outer = this.scopes.getStore();
    const joins = outer?.transaction === true;
    const afterCommit: (() => void)[] = [];
    await this.withClient(outer?.client, (client) =>
      twoSteps(first, then, {
        run: (statements) => this.prepared.runInOrder(client, statements, this.engine === 'postgres'),
        within: (work) => (joins ? work() : this.scopes.run({ client, transaction: true, afterCommit }, work)),
        ends: joins ? undefined : endsOf(this.engine === 'pglite' ? {} : options),
        rollback: () => client.query('rollback'),
      }),
    );
    for (const action of afterCommit) this.scopes.exit(action);
  }

  /** Runs `work` on one connection without a transaction, e.g. for session settings. */
  async session<T>(work: () => Promise<T>): Promise<T> {
    const outer = this.scopes.getStore();
    if (outer !== undefined) return work();
    return this.withClient(undefined, (client) =>
      this.scopes.run({ client, transaction: false, afterCommit: [] }, work),
    );
  }

  /** Runs `work` outside the ambient transaction, on another connection. On PGlite it waits for that transaction to end. */
  detached<T>(work: () => Promise<T>): Promise<T> {
    return this.scopes.exit(work);
  }

  get inTransaction(): boolean {
    return this.scopes.getStore()?.transaction === true;
  }

  /** Calls `action` once the ambient transaction has committed; at once when there is none. */
  afterCommit(action: () => void): void {
    const scope = this.scopes.getStore();
    if (scope?.transaction === true) scope.afterCommit.push(action);
    else action();
  }

  /** Sends NOTIFY; listeners of every process get it when the transaction commits. Payload below 8,000 bytes. */
  async notify(channel: string, payload: string): Promise<void> {
    await this.send('select pg_notify($1, $2)', [channel, payload]);
  }

  /** Follows a channel until the returned function is called; `''` after a reconnect, for messages may be lost then. */
  async listen(channel: string, onPayload: (payload: string) => void): Promise<() => Promise<void>> {
    // Whoever's query carries the message in must not lend its transaction to the handler.
    const apart = (payload: string): void => this.scopes.exit(() => onPayload(payload));
    return this.listener.listen(channel, apart, (statement) =>
      this.detached(() => this.send(statement, [])).then(() => undefined),
    );
  }

  /** Runs the pending migrations and gives their number. Safe to call from several processes at once. */
  async migrate(): Promise<number> {
    if (this.engine === 'pglite') return (await this.dataSource.runMigrations({ transaction: 'each' })).length;
    const lock = new pg.Client(this.dataSource.options.extra as pg.ClientConfig);
    await lock.connect();
    try {
      await lock.query(`select pg_advisory_lock(hashtext('nexusrag.migrate'))`);
      return (await this.dataSource.runMigrations({ transaction: 'each' })).length;
    } finally {
      await lock.end();
    }
  }

  /** True when a statement succeeds now. */
  async ping(): Promise<boolean> {
    return this.detached(() => this.query('select 1')).then(
      () => true,
      () => false,
    );
  }

  /** Connections of the pool now, callers that wait for one, and how that went lately. */
  poolFigures() {
    const { totalCount: size, idleCount: idle, waitingCount: waiting, options } = this.pool;
    return { size, idle, waiting, max: options.max, ...this.watch.figures() };
  }

  /** A dump of the embedded folder, to start other databases from; undefined on a server. */
  async dump(): Promise<Blob | undefined> {
    return this.lite?.dump();
  }

  async close(): Promise<void> {
    await this.listener.close();
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
    await this.lite?.close();
  }

  private async send(text: string, params: readonly unknown[]): Promise<pg.QueryResult> {
    const scope = this.scopes.getStore();
    if (scope !== undefined) return scope.client.query(text, params as unknown[]);
    return this.withClient(undefined, (client) => client.query(text, params as unknown[]));
  }

  private readAll(reads: readonly Statement[]): Promise<PromiseSettledResult<Row[]>[]> {
    return this.withClient(undefined, async (client) => {
      const settled = await this.prepared.runAll(client, reads);
      // The pool itself lets no connection back that has broken.
      if (settled.some((one) => one.status === 'rejected' && isConnectionLoss(one.reason))) this.watch.failed();
      return settled;
    });
  }

  private async withClient<T>(
    held: pg.PoolClient | undefined,
    work: (client: pg.PoolClient) => Promise<T>,
  ): Promise<T> {
    if (held !== undefined) return work(held);
    const { client, leave } = await this.acquire();
    try {
      const value = await work(client);
      client.release();
      return value;
    } catch (error) {
      // A broken server connection must not go back; PGlite's one session always does.
      const lost = isConnectionLoss(error);
      if (lost) this.watch.failed();
      client.release(this.engine === 'postgres' && lost);
      throw error;
    } finally {
      // The next one finds the connection in the pool.
      leave();
    }
  }

  private async acquire(): Promise<{ readonly client: pg.PoolClient; readonly leave: Leave }> {
    const began = performance.now();
    const leave = await this.gate.enter();
    try {
      const client = await this.pool.connect();
      this.watch.acquired(performance.now() - began);
      return { client, leave };
    } catch (error) {
      leave();
      this.watch.failed();
      throw error;
    }
  }

  private get pool(): pg.Pool {
    return poolOf(this.dataSource);
  }
}
