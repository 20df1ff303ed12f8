import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Trigrams index the search for parts of words. A server that has none, or keeps them from us, searches row by row. */
export class Trigrams20261123233000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      do $$ begin
        create extension if not exists pg_trgm;
      exception when others then
        raise notice 'no trigrams: %', sqlerrm;
      end $$`);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
