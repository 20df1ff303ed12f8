import { byteaArray } from '#infra/database/binary-arrays.js';
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
