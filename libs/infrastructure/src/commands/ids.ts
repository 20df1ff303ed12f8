import { v5, v7 } from 'uuid';

/** Root of our name-based ids (a fixed uuid v4 chosen for this project). */
const NAMESPACE = 'b7f2a0de-2f1c-4c55-9d0e-6a1a5d6e0c11';

/** A new uuid v7: ordered by time, unique without coordination. */
export function newId(): string {
  return v7();
}

/** The uuid (v5) that stands for a caller's own id within one tenant and kind, e.g. the stream id of document `doc-1`. */
export function idFor(kind: string, tenantId: string, publicId: string): string {
  return v5(`${kind}\n${tenantId}\n${publicId}`, NAMESPACE);
}

/** The uuid (v5) of the `index`-th thing that came of `source`, so that a repeat makes the same one. */
export function derivedId(source: string, index: number | string): string {
  return v5(`${source}\n${index}`, NAMESPACE);
}
