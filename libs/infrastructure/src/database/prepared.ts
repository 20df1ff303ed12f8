import type pg from 'pg';
import {
  callOf,
  PlannedStatement,
  runTogether,
  type GroupOutcome,
  type PlannedCall,
  type Row,
  type RowText,
} from './planned-statement.js';

/** Most statements that are kept prepared on each connection. */
const MOST = 100;
/** Plans older than this are made again: a table may have grown since, which only planning sees. */
const PLAN_MS = 30_000;

/** A read that took longer among others is kept from them for a while; well above what a busy loop adds to a short one. */
const SLOW_MS = 100;
const SLOW_FOR_MS = 10_000;

/** A statement and its values. */
export interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/** A statement among others, and whether it comes so often that a connection should keep it planned. */
export interface OrderedStatement extends Statement {
  readonly often: boolean;
}

/** A statement of several failed; those after it were not tried. */
export class StatementFailed extends Error {
  constructor(
    readonly statement: OrderedStatement,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'StatementFailed';
  }
}

/** What one connection has planned. */
interface Session {
  plannedAt: number;
  readonly statements: Map<string, PlannedStatement>;
}

/**
 * Statements that each connection of a server plans once instead of at each call; for few, fixed texts whose plan does
 * not hang on their values. `used` texts get a name of the protocol's prepared statements.
 */
export class Prepared {
  private readonly names = new Map<string, string>();
  private readonly refused = new Set<string>();
  private readonly slow = new Map<string, number>();
  private readonly sessions = new WeakMap<pg.PoolClient, Session>();

  /** Runs a statement on a client under its name, when it has one, and gives its rows. */
  async run(client: pg.PoolClient, text: string, values: unknown[], canRetry: boolean): Promise<Row[]> {
    const name = this.nameOf(text);
    if (name === undefined) return (await client.query<Row>(text, values)).rows;
    const { statements } = await this.sessionOf(client);
    try {
      const planned = statements.get(text);
      if (planned !== undefined) return await runOne(client, callOf(planned, values));
      const { rows, fields } = await client.query<Row>({ name, text, values });
      statements.set(text, new PlannedStatement(client, name, fields));
      return rows;
    } catch (error) {
      if (!isStale(error)) throw error instanceof Error ? traced(error) : error;
      // Its view gives other types now, and the connection would refuse it for ever.
      this.refused.add(text);
      if (!canRetry) throw error;
      return (await client.query<Row>(text, values)).rows;
    }
  }

  /** Runs reads on a client, those that it has planned in one message, and gives what became of each. */
  async runAll(client: pg.PoolClient, reads: readonly Statement[]): Promise<PromiseSettledResult<Row[]>[]> {
    const { statements } = await this.sessionOf(client);
    // Looked up once: what runs by itself below is planned from then on.
    const planned = reads.map(({ text, values }) => {
      const statement = statements.get(text);
      return statement === undefined ? undefined : sendable(statement, values);
    });
    const calls = planned.filter((call) => call !== undefined);
    const group = calls.length === 0 ? nothing : await runTogether(client, calls);
    const next = outcomesOf(calls, group);
    const settled: PromiseSettledResult<Row[]>[] = [];
    for (const [at, { text, values }] of reads.entries()) {
      const own = planned[at] === undefined ? undefined : next.next().value;
      if (own?.took !== undefined && own.took > SLOW_MS) this.slow.set(text, performance.now());
      // What was not planned, cannot be sent, or came after one that failed, runs by itself.
      settled.push(own?.settled ?? (await this.settledOf(client, text, values)));
    }
    return settled;
  }

  /**
   * Runs statements on a client in one message, which is one transaction, and gives the rows of each; undefined, and nothing done, where the
   * connection has not planned them all.
   */
  async runAtomically(client: pg.PoolClient, all: readonly Statement[]): Promise<Row[][] | undefined> {
    const { statements } = await this.sessionOf(client);
    const calls: PlannedCall[] = [];
    for (const { text, values } of all) {
      const planned = statements.get(text);
      if (planned === undefined || this.refused.has(text)) return undefined;
      calls.push(callOf(planned, values));
    }
    const { ended, error } = await runTogether(client, calls);
    const failed = all[ended.length];
    if (error === undefined) return ended.map(({ texts }, at) => calls[at]?.statement.rowsOf(texts) ?? []);
    if (failed === undefined || !isStale(error)) throw traced(error);
    this.refused.add(failed.text);
    return undefined;
  }

  /**
   * Runs statements on a client in order, those in a row that it has planned in one message, and gives the rows of each. Throws
   * `StatementFailed` of the first that fails. `keeps`: whether the connection shall plan those that come often.
   */
  async runInOrder(client: pg.PoolClient, all: readonly OrderedStatement[], keeps: boolean): Promise<Row[][]> {
    const session = await this.sessionOf(client);
    const rows: Row[][] = [];
    while (rows.length < all.length) {
      const calls = this.plannedFrom(session, all, rows.length);
      const { ended, error } = calls.length === 0 ? nothing : await runTogether(client, calls);
      for (const [at, { texts }] of ended.entries()) rows.push(calls[at]?.statement.rowsOf(texts) ?? []);
      const next = all[rows.length];
      if (next === undefined) break;
      if (error !== undefined) {
        if (isStale(error)) this.refused.add(next.text);
        throw new StatementFailed(next, traced(error));
      }
      // The first that was not planned runs by itself, and is planned from then on where it comes often.
      rows.push(await this.ownRun(client, next, keeps));
    }
    return rows;
  }

  /** Those from a place on that a connection has planned, up to the first that it has not. */
  private plannedFrom({ statements }: Session, all: readonly OrderedStatement[], from: number): PlannedCall[] {
    const calls: PlannedCall[] = [];
    for (let at = from; at < all.length; at += 1) {
      const { text = '', values = [] } = all[at] ?? {};
      const statement = this.refused.has(text) ? undefined : statements.get(text);
      const call = statement && sendable(statement, values);
      // What cannot be sent is told of when it runs by itself.
      if (call === undefined) break;
      calls.push(call);
    }
    return calls;
  }

  private async ownRun(client: pg.PoolClient, statement: OrderedStatement, keeps: boolean): Promise<Row[]> {
    const { text, values, often } = statement;
    try {
      return often && keeps
        ? await this.run(client, text, values, false)
        : (await client.query<Row>(text, values)).rows;
    } catch (error) {
      throw new StatementFailed(statement, error);
    }
  }

  /** Whether others were held up by a read lately, which had better run by itself. */
  isSlow(text: string): boolean {
    const since = this.slow.get(text);
    if (since === undefined) return false;
    if (performance.now() - since < SLOW_FOR_MS) return true;
    this.slow.delete(text);
    return false;
  }

  private async settledOf(
    client: pg.PoolClient,
    text: string,
    values: unknown[],
  ): Promise<PromiseSettledResult<Row[]>> {
    const [settled] = await Promise.allSettled([this.run(client, text, values, true)]);
    return settled;
  }

  private nameOf(text: string): string | undefined {
    if (this.refused.has(text)) return undefined;
    const known = this.names.get(text);
    if (known !== undefined || this.names.size >= MOST) return known;
    const name = `nexusrag_${this.names.size + 1}`;
    this.names.set(text, name);
    return name;
  }

  private sessionOf(client: pg.PoolClient): Session | Promise<Session> {
    const now = performance.now();
    const known = this.sessions.get(client);
    if (known === undefined) {
      const session = { plannedAt: now, statements: new Map<string, PlannedStatement>() };
      this.sessions.set(client, session);
      return session;
    }
    if (now - known.plannedAt < PLAN_MS) return known;
    known.plannedAt = now;
    return client.query('discard plans').then(() => known);
  }
}

/** Undefined where the values cannot be sent. */
function sendable(statement: PlannedStatement, values: readonly unknown[]): PlannedCall | undefined {
  try {
    return callOf(statement, values);
  } catch {
    return undefined;
  }
}

const nothing: GroupOutcome = { ended: [], error: undefined };

interface Outcome {
  readonly settled: PromiseSettledResult<Row[]>;
  readonly took?: number;
}

/** What became of the calls of a group, in order, as far as they were tried; a stale plan is tried without. */
function* outcomesOf(calls: readonly PlannedCall[], { ended, error }: GroupOutcome): Generator<Outcome, undefined> {
  for (const [at, { texts, took }] of ended.entries()) yield { settled: readRows(calls[at], texts), took };
  if (error !== undefined && !isStale(error)) yield { settled: { status: 'rejected', reason: error } };
  return undefined;
}

function readRows(call: PlannedCall | undefined, texts: readonly RowText[]): PromiseSettledResult<Row[]> {
  try {
    return { status: 'fulfilled', value: call?.statement.rowsOf(texts) ?? [] };
  } catch (reason) {
    return { status: 'rejected', reason };
  }
}

async function runOne(client: pg.PoolClient, call: PlannedCall): Promise<Row[]> {
  const {
    ended: [own],
    error,
  } = await runTogether(client, [call]);
  if (own === undefined) throw error ?? new Error('a statement ended without an outcome');
  return call.statement.rowsOf(own.texts);
}

/** It was made where the socket was read; this trace leads to who asked. */
function traced(error: Error): Error {
  Error.captureStackTrace(error);
  return error;
}

/** "cached plan must not change result type" (0A000, which stands for other refusals too). */
function isStale(error: unknown): boolean {
  return error instanceof Error && error.message.includes('cached plan must not change result type');
}
