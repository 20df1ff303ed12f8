import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Checkpoints with their leases, quarantined keys, and which processes read which versions. Row tables come from definitions. */
export class Projections20261121023500 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`create schema if not exists read`);
    await queryRunner.query(`create schema if not exists projections`);
    // Low fillfactor: the checkpoint moves with every batch and should stay a heap-only update.
    await queryRunner.query(`
      create table projections.generations (
        table_name text not null,
        version integer not null,
        generation integer not null,
        state text not null check (state in ('building', 'catching-up', 'verifying', 'ready', 'active', 'retired')),
        definition_hash text not null,
        position text collate "C" not null default '',
        moved_at timestamptz not null default now(),
        quarantine_revision integer not null default 0,
        owner text,
        epoch bigint not null default 0,
        expires_at timestamptz,
        error text,
        report jsonb,
        created_at timestamptz not null default now(),
        ready_at timestamptz,
        swapped_out_at timestamptz,
        primary key (table_name, version, generation)
      ) with (fillfactor = 40)`);
    await queryRunner.query(
      `create unique index generations_active on projections.generations (table_name, version) where state = 'active'`,
    );
    await queryRunner.query(`
      create table projections.quarantine (
        table_name text not null,
        version integer not null,
        generation integer not null,
        tenant_id text collate "C" not null,
        key text collate "C" not null,
        after_position text collate "C" not null,
        first_position text collate "C" not null,
        event_id text not null,
        event_type text not null,
        error text not null,
        parked bigint not null default 0,
        quarantined_at timestamptz not null default now(),
        primary key (table_name, version, generation, tenant_id, key),
        foreign key (table_name, version, generation) references projections.generations on delete cascade
      )`);
    await queryRunner.query(`
      create table projections.readers (
        process_id text not null,
        table_name text not null,
        version integer not null,
        seen_at timestamptz not null default now(),
        primary key (process_id, table_name, version)
      )`);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
