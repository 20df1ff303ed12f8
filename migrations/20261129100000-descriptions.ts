import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What is said of a document, beside the sealed content that says it: policies decide by it within queries, from when it was
 * handed in. It goes with its content. Documents from before have it only beside their chunks.
 */
export class Descriptions20261129100000 implements MigrationInterface {
  readonly name = 'Descriptions20261129100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table content.description (
        tenant_id text not null,
        content_id uuid not null,
        metadata jsonb not null,
        primary key (tenant_id, content_id),
        foreign key (tenant_id, content_id) references content.blob (tenant_id, id) on delete cascade
          deferrable initially deferred
      )`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
