import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Each new stream looked at the log's head, the one row that every append changes, to learn that its log is there. Only
 * `append_batch` makes streams, and it changes the head, or fails, in the same transaction.
 */
export class StreamWithoutKeyCheck20261128040000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table log.stream drop constraint stream_log_id_fkey');
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
