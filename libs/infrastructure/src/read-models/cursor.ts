import { hash } from 'node:crypto';
import { CatalogueError, defineErrors } from '#domain/kernel/errors.js';
import type { Json } from '#domain/kernel/schema.js';
import { stableJson } from '#infra/projections/row.js';

export const readModelErrors = defineErrors('read-models', {
  invalidCursor: ['bad_request', 'INVALID_CURSOR', 'The cursor does not belong to this list'],
});

/** Names a list: a cursor of another tenant, filter or order does not fit. */
export function listHash(...parts: readonly unknown[]): string {
  return hash('sha256', stableJson(parts as readonly Json[]), 'base64url').slice(0, 16);
}

/** How the place after a list's last row is written for a client, and read again. */
export interface CursorForm {
  write(list: string, values: readonly Json[]): string;
  /** The `length` sort values of a cursor of this list. Throws the catalogue's INVALID_CURSOR for any other. */
  read(cursor: string, list: string, length: number): readonly Json[];
}

/** Base64url of the JSON array of the list's hash and the last row's sort values. Opaque to clients. */
export function writeCursor(hash: string, values: readonly Json[]): string {
  return Buffer.from(JSON.stringify([hash, ...values])).toString('base64url');
}

/** The sort values of a cursor. Throws the catalogue's INVALID_CURSOR when it is not one of this list. */
export function readCursor(cursor: string, hash: string, length: number): readonly Json[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch (error) {
    throw new CatalogueError(readModelErrors.invalidCursor, undefined, { cause: error });
  }
  if (!Array.isArray(parsed) || parsed[0] !== hash || parsed.length !== length + 1) {
    throw new CatalogueError(readModelErrors.invalidCursor);
  }
  return parsed.slice(1) as Json[];
}

/** Cursors that anybody can read and nobody can use elsewhere. */
export const plainCursors: CursorForm = { write: writeCursor, read: readCursor };
