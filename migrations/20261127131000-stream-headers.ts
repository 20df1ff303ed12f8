import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The headers under which a stream was first sent, for whoever repeats the request under its Idempotency-Key. */
export class StreamHeaders20261127131000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table streams.stream add column headers jsonb');
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
