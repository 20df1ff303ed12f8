import type { JsonObject } from '#domain/kernel/schema.js';
import { storable } from '#infra/database/jsonb.js';
import { isAppended, type CompanionKind } from '../event-log/companions.js';

/** What a content of metadata says, in clear, for policies that decide within queries. Never without the content. */
export interface Description {
  readonly tenantId: string;
  readonly contentId: string;
  readonly metadata: JsonObject;
}

const columns = (rows: readonly Description[]): unknown[] => [
  rows.map(({ tenantId }) => tenantId),
  rows.map(({ contentId }) => contentId),
];

/** Descriptions that are stored with the events that name their contents; after these, which they refer to. */
export const descriptions: CompanionKind<Description> = {
  order: 'before',
  statement: (rows, appends) => ({
    text: `
      with given as (
        select g.*, (g.place - 1)::int as at
          from unnest($1::text[], $2::uuid[], $3::text[], $4::int[]) with ordinality g(tenant_id, content_id, metadata, append, place)
         where ${isAppended('g.append')}),
      written as (
        insert into content.description (tenant_id, content_id, metadata)
        select tenant_id, content_id, metadata::jsonb from given on conflict do nothing)
      select at from given`,
    values: [
      ...columns(rows),
      rows.map(({ metadata }) => storable(metadata)),
      rows.map((_, at) => appends?.[at] ?? null),
    ],
  }),
  lookup: (rows) => ({
    text: `
      select (g.place - 1)::int as at from unnest($1::text[], $2::uuid[]) with ordinality g(tenant_id, content_id, place)
        join content.description d using (tenant_id, content_id)`,
    values: columns(rows),
  }),
};
