import type { MigrationInterface, QueryRunner } from 'typeorm';

const DATE = '([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])';
const CLOCK = '([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:[.]([0-9]{1,9}))?)?';
const ZONE = '(Z|z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?';

/**
 * What the comparisons of policies mean, for the database: the same as `condition-values.ports.ts`. Arguments are jsonb and
 * never SQL null (`null` is a JSON value), and each answer is true or false, so that conditions know no third value.
 */
export class Authorization20261127121000 implements MigrationInterface {
  readonly name = 'Authorization20261127121000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create schema authz');
    for (const statement of this.functions) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }

  private readonly functions = [
    `create function authz.is_in(a jsonb, b jsonb) returns boolean language sql immutable parallel safe as $$
       select case jsonb_typeof(b)
         when 'null' then false
         when 'array' then exists (select 1 from jsonb_array_elements(b) e(item) where e.item = a)
         else a = b end $$`,
    // Below, at or above zero; null for values that have no order between them.
    `create function authz.compare(a jsonb, b jsonb) returns integer language sql immutable parallel safe as $$
       select case
         when jsonb_typeof(a) = 'number' and jsonb_typeof(b) = 'number' then
           case when a < b then -1 when a > b then 1 else 0 end
         when jsonb_typeof(a) = 'string' and jsonb_typeof(b) = 'string' then
           case when (a #>> '{}') collate "C" < (b #>> '{}') collate "C" then -1 when a = b then 0 else 1 end
       end $$`,
    `create function authz.has_part(a jsonb, b jsonb) returns boolean language sql immutable parallel safe as $$
       select case jsonb_typeof(a)
         when 'string' then jsonb_typeof(b) in ('string', 'number', 'boolean') and strpos(a #>> '{}', b #>> '{}') > 0
         when 'array' then exists (select 1 from jsonb_array_elements(a) e(item) where e.item = b)
         else false end $$`,
    `create function authz.has_prefix(a jsonb, b jsonb) returns boolean language sql immutable parallel safe as $$
       select case when jsonb_typeof(a) = 'string' and jsonb_typeof(b) = 'string'
         then starts_with(a #>> '{}', b #>> '{}') else false end $$`,
    // HH:MM:SS; null where there is no time.
    `create function authz.time_of_day(a jsonb) returns text language sql immutable parallel safe as $$
       select case when jsonb_typeof(a) = 'string' then
         (select m[4] || ':' || m[5] || ':' || coalesce(m[6], '00')
            from regexp_match(a #>> '{}', '^(?:${DATE}[Tt ])?${CLOCK}${ZONE}$') m) end $$`,
    // Milliseconds since 1970; null for what is no instant. No part of it can fail: the 1st of a month always is a day.
    `create function authz.instant_ms(a jsonb) returns bigint language sql immutable parallel safe as $$
       select case when jsonb_typeof(a) = 'string' then (
         select case when extract(month from d.day) = d.month then
             (d.day - date '1970-01-01')::bigint * 86400000
             + (coalesce(m[4], '0')::bigint * 60 + coalesce(m[5], '0')::bigint - coalesce(z.minutes, 0)) * 60000
             + coalesce(m[6], '0')::bigint * 1000
             + rpad(left(coalesce(m[7], ''), 3), 3, '0')::bigint end
           from regexp_match(a #>> '{}', '^(?!0000)${DATE}(?:[Tt ]${CLOCK}${ZONE})?$') m
          cross join lateral (
            select make_date(m[1]::int, m[2]::int, 1) + (m[3]::int - 1) as day, m[2]::int as month) d
          cross join lateral (
            select case when length(m[8]) > 1 then
              (substr(m[8], 2, 2)::bigint * 60 + right(m[8], 2)::bigint) * case left(m[8], 1) when '-' then -1 else 1 end
            end as minutes) z) end $$`,
  ];
}
