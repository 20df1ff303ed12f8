import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The streams of a conversation are found by its subject; a beat, which is written with every batch of frames, is in no index. */
export class StreamsOfASubject20261127200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create index stream_of_subject on streams.stream (tenant_id, subject_id, created_at)');
    await runner.query('create index stream_not_ended on streams.stream (created_at) where not ended');
    await runner.query('drop index streams.stream_beat_at_idx');
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
