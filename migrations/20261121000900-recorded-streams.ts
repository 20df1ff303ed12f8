import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Streams of frames that were sent to clients: who writes them, and the encrypted batches. */
export class RecordedStreams20261121000900 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema if not exists streams`);
    await runner.query(`
      create table streams.stream (
        tenant_id text not null,
        stream_id uuid not null,
        subject_kind text not null,
        subject_id text not null,
        owner text not null,
        beat_at timestamptz not null default now(),
        created_at timestamptz not null default now(),
        last_seq integer not null default 0,
        ended boolean not null default false,
        primary key (tenant_id, stream_id)
      )`);
    await runner.query(`create index on streams.stream (beat_at) where not ended`);
    await runner.query(`
      create table streams.batch (
        tenant_id text not null,
        stream_id uuid not null,
        first_seq integer not null,
        last_seq integer not null,
        content_id uuid not null,
        primary key (tenant_id, stream_id, first_seq)
      )`);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
