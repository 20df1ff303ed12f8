import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where each reaction stands in the domain log, and who runs them. The job tables are pg-boss's own. */
export class Jobs20261121024000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`create schema if not exists reactions`);
    await queryRunner.query(`
      create table reactions.checkpoints (
        name text primary key,
        position text collate "C" not null,
        epoch bigint not null default 0,
        moved_at timestamptz not null default now(),
        error text,
        failed_event text,
        failed_position text collate "C",
        stopped_at timestamptz
      ) with (fillfactor = 40)`);
    await queryRunner.query(`
      create table reactions.lease (
        id integer primary key check (id = 1),
        owner text,
        epoch bigint not null default 0,
        expires_at timestamptz
      )`);
    await queryRunner.query(`insert into reactions.lease (id) values (1)`);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
