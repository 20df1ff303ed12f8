import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A document's metadata stands beside the version that answers, so that filters read it in the search and erasure takes it along. */
export class VersionMetadata20261127120000 implements MigrationInterface {
  readonly name = 'VersionMetadata20261127120000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table retrieval.version add column metadata jsonb not null default '{}'`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
