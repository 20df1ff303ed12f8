import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A version may have vectors in more than one space, so that a corpus is embedded anew beside the vectors that answer. What is
 * written to a scope gets vectors in each of the scope's spaces.
 */
export class VersionSpaces20261127131900 implements MigrationInterface {
  readonly name = 'VersionSpaces20261127131900';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of this.statements) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }

  private readonly statements = [
    `create table retrieval.scope_space (
     scope_no integer not null references retrieval.scope on delete cascade,
     space_no integer not null references retrieval.space,
     primary key (scope_no, space_no))`,
    `create table retrieval.version_space (
     version_no bigint not null references retrieval.version on delete cascade,
     space_no integer not null references retrieval.space,
     primary key (version_no, space_no))`,
    `insert into retrieval.scope_space select distinct scope_no, space_no from retrieval.version`,
    `insert into retrieval.version_space select version_no, space_no from retrieval.version`,
    `alter table retrieval.version drop column space_no`,
    // What stands before each chunk's text where it is indexed, sealed as the chunks are: a later model must read the same.
    `alter table retrieval.version add column context bytea`,
    // Of the indexed text, under a key of the tenant: what has a vector already is not embedded again.
    `alter table retrieval.chunk add column text_hash uuid`,
    `create index chunk_text_hash on retrieval.chunk (text_hash) where text_hash is not null`,
  ];
}
