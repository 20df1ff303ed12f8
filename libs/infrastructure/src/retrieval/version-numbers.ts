import type { Database } from '#infra/database/database.js';

/** As many are taken from the sequence at once; a process that ends leaves the rest unused. */
const AT_ONCE = 256;

/** Numbers of versions that nobody has, known before the versions are written. */
export class VersionNumbers {
  private readonly free: number[] = [];

  constructor(private readonly database: Database) {}

  /** As many numbers as asked for, ascending. */
  async take(count: number): Promise<readonly number[]> {
    while (this.free.length < count) this.free.push(...(await this.reserve(Math.max(AT_ONCE, count))));
    return this.free.splice(0, count);
  }

  private async reserve(count: number): Promise<readonly number[]> {
    const rows = await this.database.query<{ version_no: string }>(
      `select nextval(pg_get_serial_sequence('retrieval.version', 'version_no'))::text as version_no
         from generate_series(1, $1::int)`,
      [count],
    );
    return rows.map((row) => Number(row.version_no));
  }
}
