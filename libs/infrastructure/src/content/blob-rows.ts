import { byteaArray } from '#infra/database/binary-arrays.js';
import { isAppended, type CompanionKind } from '../event-log/companions.js';
import type { SealedContent } from './content-store.js';

/** What of a row of `content.blob` is written. */
export const blobColumns = 'tenant_id, id, kind, subject_kind, subject_id, key_id, sealed, size, sha256';

const types = ['text', 'uuid', 'text', 'text', 'text', 'uuid', 'bytea', 'int', 'text'];

/** The arrays of `blobArrays` as arguments of `unnest`: SQL, with parameters from number `first` on. */
export function blobParameters(first: number): string {
  return types.map((type, at) => `$${first + at}::${type}[]`).join(', ');
}

/** The values of `blobParameters`. */
export function blobArrays(blobs: readonly SealedContent[]): unknown[] {
  return [
    blobs.map(({ subject }) => subject.tenantId),
    blobs.map(({ id }) => id),
    blobs.map(({ kind }) => kind),
    blobs.map(({ subject }) => subject.kind),
    blobs.map(({ subject }) => subject.id),
    blobs.map(({ keyId }) => keyId),
    byteaArray(blobs.map(({ sealed }) => sealed)),
    blobs.map(({ size }) => size),
    blobs.map(({ sha256 }) => sha256),
  ];
}

/** An id belongs to one content: what is there already is the same, from an earlier try. */
const ENCLOSED = `
  with given as (
    select g.*, (g.place - 1)::int as at
      from unnest(${blobParameters(1)}, $${types.length + 1}::int[]) with ordinality g(${blobColumns}, append, place)
     where ${isAppended('g.append')}),
  blob as (insert into content.blob (${blobColumns}) select ${blobColumns} from given on conflict do nothing)
  select at from given`;

const KEPT = `
  select (g.place - 1)::int as at from unnest($1::text[], $2::uuid[]) with ordinality g(tenant_id, id, place)
    join content.blob b using (tenant_id, id)`;

/** Contents that are stored with the events that name them. */
export const enclosed: CompanionKind<SealedContent> = {
  order: 'before',
  statement: (blobs, appends) => ({
    text: ENCLOSED,
    values: [...blobArrays(blobs), blobs.map((_, at) => appends?.[at] ?? null)],
  }),
  lookup: (blobs) => ({
    text: KEPT,
    values: [blobs.map(({ subject }) => subject.tenantId), blobs.map(({ id }) => id)],
  }),
};
