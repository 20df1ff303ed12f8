import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A version that is embedded for another model part by part says how far that is: all chunks below have vectors. */
export class VersionSpaceParts20261129090000 implements MigrationInterface {
  readonly name = 'VersionSpaceParts20261129090000';

  async up(runner: QueryRunner): Promise<void> {
    // Null where all have them.
    await runner.query('alter table retrieval.version_space add column embedded_below integer');
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
