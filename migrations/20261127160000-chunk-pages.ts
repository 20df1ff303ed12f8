import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A chunk keeps the pages that it stands on, so that what is cited of it has its page. */
export class ChunkPages20261127160000 implements MigrationInterface {
  readonly name = 'ChunkPages20261127160000';

  async up(runner: QueryRunner): Promise<void> {
    // The breaks say where in the document's text each page after the first begins.
    await runner.query(`alter table retrieval.chunk
      add column page_start integer, add column page_end integer, add column page_breaks integer[]`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
