import type { MigrationInterface, QueryRunner } from 'typeorm';

const tables = `
create schema log;

create table log.head (
  log_id smallint primary key,
  position bigint not null default 0,
  epoch bigint not null default 0,
  frozen boolean not null default false,
  recorded_at timestamptz not null default 'epoch'
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

insert into log.head (log_id) values (1), (2);

create table log.stream (
  stream_pk bigint generated always as identity primary key,
  log_id smallint not null references log.head,
  name text collate "C" not null,
  category text collate "C" not null,
  tenant_id text collate "C" not null,
  partition_no smallint not null,
  revision bigint not null default -1,
  unique (name, log_id)
) with (fillfactor = 80);

create table log.event (
  log_id smallint not null,
  position bigint not null,
  stream_pk bigint not null,
  revision bigint not null,
  event_id uuid not null,
  type text collate "C" not null,
  schema_version int not null,
  partition_no smallint not null,
  recorded_at timestamptz not null,
  data text not null,
  metadata text not null,
  primary key (log_id, position),
  unique (stream_pk, revision),
  unique (event_id, log_id)
) with (autovacuum_vacuum_insert_scale_factor = 0.05);
`;

// Retention of the access log (2) is the one way out, and only for a session that says so.
const guards = `
create function log.refuse_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and old.log_id = 2 and current_setting('nexusrag.access_retention', true) = 'on' then
    return old;
  end if;
  raise exception 'the event log is append-only: % refused', tg_op using errcode = 'NX003';
end $$;

create trigger event_no_update before update on log.event for each statement execute function log.refuse_change();
create trigger event_no_delete before delete on log.event for each row execute function log.refuse_change();
create trigger event_no_truncate before truncate on log.event for each statement execute function log.refuse_change();
`;

// What each append comes to, before anything is written. p_expected: a revision, -1 no stream, -2 any, -3 stream exists.
// Verdicts: o = to be written, d = these very events are stored already, c = conflict.
const judge = `
create function log.judge_batch(
  p_log smallint, p_streams text[], p_expected bigint[], p_counts int[], p_ids uuid[]
) returns table (ord bigint, verdict "char", stream_pk bigint, partition_no smallint, n int, actual bigint,
                 stored_revision bigint, stored_position bigint)
language plpgsql stable as $$
begin
  -- Usual case: no id is known.
  if not exists (select from log.event e where e.log_id = p_log and e.event_id = any (p_ids)) then
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
         where e.log_id = p_log and e.event_id = any (b.ids)
      ) f on true;
end $$;
`;

const append = `
create function log.append_batch(
  p_log smallint, p_epoch bigint, p_streams text[], p_expected bigint[], p_counts int[],
  p_append int[], p_ids uuid[], p_types text[], p_versions int[], p_data text[], p_metadata text[]
) returns table (verdict "char", revision bigint, "position" bigint)
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
           case r.verdict when 'o' then v_base + r.written_before + r.n when 'd' then r.stored else 0 end
      from unnest(v_verdict, v_last, v_offset, p_counts, v_stored_position) with ordinality
             r(verdict, last, written_before, n, stored, ord)
     order by r.ord;
end $$;
`;

/** The tables of both event logs, and the one function that appends to them. */
export class EventLog20261121000100 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statements of [tables, guards, judge, append]) await runner.query(statements);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
