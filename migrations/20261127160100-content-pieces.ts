import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Contents that are too large for one value. Their row in `content.blob` is there first and says nothing (`pieces` is 0);
 * in the end it holds how many pieces there are, sealed. Pieces go with their row.
 */
export class ContentPieces20261127160100 implements MigrationInterface {
  readonly name = 'ContentPieces20261127160100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table content.blob add column pieces integer, add column upload uuid');
    await runner.query(`
      create table content.piece (
        tenant_id text not null,
        content_id uuid not null,
        piece_no integer not null,
        sealed bytea not null,
        primary key (tenant_id, content_id, piece_no),
        foreign key (tenant_id, content_id) references content.blob (tenant_id, id) on delete cascade
      )`);
    // Ciphertext does not compress.
    await runner.query('alter table content.piece alter column sealed set storage external');
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
