import type { MigrationInterface, QueryRunner } from 'typeorm';

// As before, and the instant at which each append was recorded.
const append = `
create function log.append_batch(
  p_log smallint, p_epoch bigint, p_streams text[], p_expected bigint[], p_counts int[],
  p_append int[], p_ids uuid[], p_types text[], p_versions int[], p_data text[], p_metadata text[]
) returns table (verdict "char", revision bigint, "position" bigint, recorded_at timestamptz)
language plpgsql
-- A plan made while the tables were small would scan them for ever: this session's cached plans always use the indexes.
set enable_seqscan = off set enable_bitmapscan = off set enable_material = off
set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_verdict "char"[]; v_pk bigint[]; v_partition smallint[]; v_first bigint[]; v_offset bigint[]; v_last bigint[];
  v_start bigint[]; v_stored_position bigint[]; v_total bigint; v_base bigint; v_at timestamptz; v_frozen boolean;
begin
  insert into log.stream (log_id, name, category, tenant_id, partition_no)
  select distinct on (a.name) p_log, a.name, split_part(a.name, '-', 1),
         split_part(substr(a.name, strpos(a.name, '-') + 1), '.', 1), hashtext(a.name) & 63
    from unnest(p_streams, p_expected) a(name, expected)
   where a.expected in (-1, -2)
     and not exists (select from log.stream s where s.log_id = p_log and s.name = a.name)
   order by a.name
  on conflict do nothing;

  -- Sorted, so that two processes never wait for each other in a ring; the head comes last for the same reason.
  perform from log.stream s where s.log_id = p_log and s.name = any (p_streams) order by s.name for no key update;

  select array_agg(w.verdict order by w.ord), array_agg(w.stream_pk order by w.ord),
         array_agg(w.partition_no order by w.ord), array_agg(w.stored_position order by w.ord),
         array_agg(w.before + 1 order by w.ord), array_agg(w.written_before order by w.ord),
         array_agg(w.events_before order by w.ord),
         array_agg(case w.verdict when 'o' then w.before + w.n when 'd' then w.stored_revision else w.actual end order by w.ord),
         coalesce(sum(w.n) filter (where w.verdict = 'o'), 0)
    into v_verdict, v_pk, v_partition, v_stored_position, v_first, v_offset, v_start, v_last, v_total
    from (select j.*,
                 j.actual + coalesce(sum(j.n) filter (where j.verdict = 'o') over
                   (partition by j.stream_pk order by j.ord rows between unbounded preceding and 1 preceding), 0)::bigint as before,
                 coalesce(sum(j.n) filter (where j.verdict = 'o') over
                   (order by j.ord rows between unbounded preceding and 1 preceding), 0)::bigint as written_before,
                 coalesce(sum(j.n) over
                   (order by j.ord rows between unbounded preceding and 1 preceding), 0)::bigint as events_before
            from log.judge_batch(p_log, p_streams, p_expected, p_counts, p_ids) j) w;

  if v_total > 0 then
    update log.stream s set revision = a.last
      from (select u.pk, max(u.last) as last from unnest(v_pk, v_last, v_verdict) u(pk, last, verdict)
             where u.verdict = 'o' group by u.pk) a
     where s.stream_pk = a.pk;
  end if;

  if v_total > 0 then
    update log.head h
       set position = h.position + v_total,
           recorded_at = greatest(h.recorded_at, date_trunc('milliseconds', clock_timestamp()))
     where h.log_id = p_log and h.epoch <= p_epoch and not h.frozen
    returning h.position - v_total, h.recorded_at into v_base, v_at;
  else
    perform from log.head h where h.log_id = p_log and h.epoch <= p_epoch and not h.frozen;
  end if;
  if not found then
    select h.frozen and h.epoch <= p_epoch into v_frozen from log.head h where h.log_id = p_log;
    raise exception 'writer fenced' using errcode = case when v_frozen then 'NX002' else 'NX001' end;
  end if;

  if v_total > 0 then
    insert into log.event (log_id, position, stream_pk, revision, event_id, type, schema_version, partition_no,
                           recorded_at, data, metadata)
    select p_log, v_base + v_offset[u.a] + u.i - v_start[u.a], v_pk[u.a], v_first[u.a] + u.i - v_start[u.a] - 1,
           u.id, u.type, u.version, v_partition[u.a], v_at, u.data, u.metadata
      from unnest(p_append, p_ids, p_types, p_versions, p_data, p_metadata) with ordinality
             u(a, id, type, version, data, metadata, i)
     where v_verdict[u.a] = 'o';
    perform pg_notify('log_' || p_log, (v_base + v_total)::text);
  end if;

  return query
    select r.verdict, r.last,
           case r.verdict when 'o' then v_base + r.written_before + r.n when 'd' then r.stored else 0 end,
           case r.verdict when 'o' then v_at end
      from unnest(v_verdict, v_last, v_offset, p_counts, v_stored_position) with ordinality
             r(verdict, last, written_before, n, stored, ord)
     order by r.ord;
end $$;
`;

const appendUnderFreeze = `
create function log.append_under_freeze(
  p_log smallint, p_epoch bigint, p_streams text[], p_expected bigint[], p_counts int[],
  p_append int[], p_ids uuid[], p_types text[], p_versions int[], p_data text[], p_metadata text[]
) returns table (verdict "char", revision bigint, "position" bigint, recorded_at timestamptz)
language plpgsql as $$
declare v_frozen boolean;
begin
  select h.frozen into v_frozen from log.head h where h.log_id = p_log for no key update;
  update log.head h set frozen = false where h.log_id = p_log and h.frozen;
  return query select * from log.append_batch(p_log, p_epoch, p_streams, p_expected, p_counts,
                                              p_append, p_ids, p_types, p_versions, p_data, p_metadata);
  update log.head h set frozen = v_frozen where h.log_id = p_log and v_frozen;
end $$;
`;

/** An append tells when it was recorded, so that who follows the log in the same process has the whole event without a read. */
export class AppendTellsWhen20261128110000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('drop function log.append_under_freeze; drop function log.append_batch');
    for (const statement of [append, appendUnderFreeze]) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
