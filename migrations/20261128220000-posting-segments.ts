import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Postings lie in segments: many of one scope's, of any number of versions, in rows of about 64. A row for each word of each
 * document cost ten times the space, and most of the time that it took to index a document.
 */
export class PostingSegments20261128220000 implements MigrationInterface {
  readonly name = 'PostingSegments20261128220000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of this.statements) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }

  private readonly statements = [
    // A term's bucket are the upper bits of its hash: so many that a bucket has 64 postings or fewer, had all terms as many.
    `create function retrieval.shift_of(entries bigint) returns integer immutable language sql as
     $$ select 64 - greatest(1, ceil(ln(greatest(entries, 1) / 64.0) / ln(2.0)))::int $$`,
    // Of a segment's versions the least and the greatest number: what is removed is looked for nowhere else.
    `create table retrieval.segment (
     scope_no integer not null references retrieval.scope,
     segment_no bigint generated always as identity,
     shift integer not null,
     entries bigint not null,
     first_version bigint not null,
     last_version bigint not null,
     primary key (scope_no, segment_no))`,
    // At each place of the three arrays a posting. hits: ordinal << 32 | occurrences << 16 | terms in the chunk.
    `create table retrieval.posting_bucket (
     segment_no bigint not null,
     bucket bigint not null,
     terms bigint[] not null,
     versions bigint[] not null,
     hits bigint[] not null,
     primary key (segment_no, bucket))`,
    `insert into retrieval.segment (scope_no, shift, entries, first_version, last_version)
     select scope_no, retrieval.shift_of(sum(cardinality(hits))), sum(cardinality(hits)), min(version_no), max(version_no)
       from retrieval.posting group by scope_no`,
    `insert into retrieval.posting_bucket (segment_no, bucket, terms, versions, hits)
     select s.segment_no, e.term >> s.shift, array_agg(e.term), array_agg(e.version_no), array_agg(e.hit)
       from (select scope_no, term, version_no, unnest(hits) as hit from retrieval.posting) e
       join retrieval.segment s using (scope_no) group by 1, 2`,
    `drop table retrieval.posting`,
    // Nothing is planned by what is in these arrays, and to count it is the dearest part of an analysis.
    `alter table retrieval.posting_bucket alter column terms set statistics 0,
      alter column versions set statistics 0, alter column hits set statistics 0`,
    `alter table retrieval.version_terms alter column terms set statistics 0, alter column context set statistics 0`,
  ];
}
