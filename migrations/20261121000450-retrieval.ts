import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The search index. A version is one indexing of one document; it is visible as long as the documents read model names it.
 * Vector tables, one an embedding space, are made when their space is first written (`retrieval.space_<space_no>`).
 */
export class Retrieval20261121000450 implements MigrationInterface {
  readonly name = 'Retrieval20261121000450';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create extension if not exists vector');
    await runner.query('create schema retrieval');
    for (const statement of this.tables) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }

  private readonly tables = [
    // A small number for a tenant's corpus, so that millions of rows do not repeat two texts.
    `create table retrieval.scope (
     scope_no integer generated always as identity primary key,
     tenant_id text not null,
     corpus_id text not null,
     unique (tenant_id, corpus_id))`,
    `create table retrieval.space (
     space_no integer generated always as identity primary key,
     model text not null,
     dimension integer not null check (dimension between 1 and 4000),
     unique (model, dimension))`,
    `create table retrieval.version (
     version_no bigint generated always as identity primary key,
     tenant_id text not null,
     document_id text not null,
     version_id text not null,
     scope_no integer not null references retrieval.scope,
     space_no integer not null references retrieval.space,
     chunk_count integer not null,
     term_count bigint not null,
     written_at timestamptz not null default now(),
     unique (tenant_id, document_id, version_id))`,
    // The distinct terms of a version, so that its postings are found again without an index of their own. Apart from the
    // version, whose rows every search reads.
    `create table retrieval.version_terms (
     version_no bigint primary key,
     terms bigint[] not null)`,
    `create index version_scope on retrieval.version (scope_no)`,
    `create table retrieval.chunk (
     version_no bigint not null references retrieval.version on delete cascade,
     ordinal integer not null,
     chunk_id uuid not null,
     start_at integer not null,
     end_at integer not null,
     body bytea not null,
     primary key (version_no, ordinal))`,
    `create index chunk_id on retrieval.chunk (chunk_id)`,
    // hits: one number a chunk: ordinal << 32 | occurrences << 16 | terms in the chunk. A block is 256 chunks, so that the
    // hits fit into the index: a word's hits then lie together, where the table has them by document.
    `create table retrieval.posting (
     scope_no integer not null,
     term bigint not null,
     version_no bigint not null,
     block integer not null,
     hits bigint[] not null,
     primary key (scope_no, term, version_no, block) include (hits))`,
  ];
}
