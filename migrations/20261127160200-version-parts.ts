import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Large versions are written part by part, each with its own terms and contexts; they are finished when all parts are there. */
export class VersionParts20261127160200 implements MigrationInterface {
  readonly name = 'VersionParts20261127160200';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table retrieval.version add column finished boolean not null default true');
    await runner.query(`alter table retrieval.version_terms
      add column part integer not null default 0, add column context bytea,
      drop constraint version_terms_pkey, add primary key (version_no, part)`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
