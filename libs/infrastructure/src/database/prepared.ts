import type pg from 'pg';

/** Most statements that are kept prepared on each connection. */
const MOST = 100;
/** Plans older than this are made again: a table may have grown since, which only planning sees. */
const PLAN_MS = 30_000;

/**
 * Statements that each connection of a server plans once instead of at each call; for few, fixed texts whose plan does
 * not hang on their values. `used` texts get a name of the protocol's prepared statements.
 */
export class Prepared {
  private readonly names = new Map<string, string>();
  private readonly refused = new Set<string>();
  private readonly plannedAt = new WeakMap<pg.PoolClient, number>();

  /** Runs a statement on a client under its name, when it has one. */
  async run(client: pg.PoolClient, text: string, values: unknown[], canRetry: boolean): Promise<pg.QueryResult> {
    const name = this.nameOf(text);
    if (name === undefined) return client.query(text, values);
    await this.renewPlans(client);
    try {
      return await client.query({ name, text, values });
    } catch (error) {
      if (!isStale(error)) throw error;
      // Its view gives other types now, and the connection would refuse it for ever.
      this.refused.add(text);
      if (!canRetry) throw error;
      return client.query(text, values);
    }
  }

  private nameOf(text: string): string | undefined {
    if (this.refused.has(text)) return undefined;
    const known = this.names.get(text);
    if (known !== undefined || this.names.size >= MOST) return known;
    const name = `nexusrag_${this.names.size + 1}`;
    this.names.set(text, name);
    return name;
  }

  private async renewPlans(client: pg.PoolClient): Promise<void> {
    const now = performance.now();
    const last = this.plannedAt.get(client);
    if (last !== undefined && now - last < PLAN_MS) return;
    this.plannedAt.set(client, now);
    if (last !== undefined) await client.query('discard plans');
  }
}

/** "cached plan must not change result type" (0A000, which stands for other refusals too). */
function isStale(error: unknown): boolean {
  return error instanceof Error && error.message.includes('cached plan must not change result type');
}
