import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Erasable content, sealed under per-subject keys. */
export class Content20261121000450 implements MigrationInterface {
  readonly name = 'Content20261121000450';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema content`);
    await runner.query(`
      create table content.blob (
        tenant_id text not null,
        id uuid not null,
        kind text not null,
        subject_kind text not null,
        subject_id text not null,
        key_id uuid not null,
        sealed bytea not null,
        size int not null,
        sha256 text not null,
        created_at timestamptz not null default now(),
        primary key (tenant_id, id)
      )`);
    // Ciphertext does not compress; external storage keeps the server from trying.
    await runner.query(`alter table content.blob alter column sealed set storage external`);
    await runner.query(`create index blob_subject on content.blob (tenant_id, subject_kind, subject_id)`);
    await runner.query(`create index blob_age on content.blob (created_at)`);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
