import type { MigrationInterface, QueryRunner } from 'typeorm';

// As before, but `log_id + 0`: while the table is empty its primary key looks as good as the index of event ids, and that
// plan, kept by the session, read the whole log at every append until the next ANALYZE.
const judge = `
create or replace function log.judge_batch(
  p_log smallint, p_streams text[], p_expected bigint[], p_counts int[], p_ids uuid[]
) returns table (ord bigint, verdict "char", stream_pk bigint, partition_no smallint, n int, actual bigint,
                 stored_revision bigint, stored_position bigint)
language plpgsql stable as $$
begin
  -- Usual case: no id is known.
  if not exists (select from log.event e where e.event_id = any (p_ids) and e.log_id + 0 = p_log) then
    return query
      select a.ord,
             (case when case a.expected when -2 then true when -3 then s.revision >= 0
                        else a.expected = coalesce(s.revision, -1) end
                   then 'o' else 'c' end)::"char",
             coalesce(s.stream_pk, 0), coalesce(s.partition_no, 0::smallint), a.n, coalesce(s.revision, -1),
             -1::bigint, 0::bigint
        from unnest(p_streams, p_expected, p_counts) with ordinality a(name, expected, n, ord)
        left join log.stream s on s.log_id = p_log and s.name = a.name;
    return;
  end if;
  return query
    select b.ord,
           (case when f.found is null then
                   case when case b.expected when -2 then true when -3 then b.actual >= 0
                             else b.expected = b.actual end
                        then 'o' else 'c' end
                 when f.found = b.ids and f.own and f.last_revision - f.first_revision + 1 = b.n
                      and (b.expected < -1 or f.first_revision = b.expected + 1)
                   then 'd' else 'c' end)::"char",
           b.pk, b.part, b.n, b.actual, coalesce(f.last_revision, -1), coalesce(f.last_position, 0)
      from (select a.ord, a.expected, a.n, coalesce(s.stream_pk, 0) as pk, coalesce(s.partition_no, 0::smallint) as part,
                   coalesce(s.revision, -1) as actual,
                   p_ids[(sum(a.n) over w)::int - a.n + 1 : (sum(a.n) over w)::int] as ids
              from unnest(p_streams, p_expected, p_counts) with ordinality a(name, expected, n, ord)
              left join log.stream s on s.log_id = p_log and s.name = a.name
            window w as (order by a.ord)) b
      left join lateral (
        select array_agg(e.event_id order by e.position) as found, bool_and(e.stream_pk = b.pk) as own,
               min(e.revision) as first_revision, max(e.revision) as last_revision, max(e.position) as last_position
          from log.event e
         where e.event_id = any (b.ids) and e.log_id + 0 = p_log
      ) f on true;
end $$;
`;

/** Appends look their event ids up by the index of event ids, also on a log that has just been made. */
export class JudgeByEventId20261127154500 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(judge);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
