import { hash } from 'node:crypto';

import { CatalogueError } from '#domain/kernel/errors.js';
import { readModelErrors } from '#infra/read-models/cursor.js';

import { Field } from './fields.js';
import { hasNul } from './json.js';

/** A part of a list. `nextCursor` is null on the last page. */
export class Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;

  constructor(items: readonly T[], nextCursor: string | null) {
    this.items = items;
    this.nextCursor = nextCursor;
  }

  /** Cuts a page of `limit` out of rows read with `limit + 1`. */
  static of<R, T>(
    rows: readonly R[],
    limit: number,
    how: { readonly view: (row: R) => T; readonly cursor: (row: R) => string },
  ): Page<T> {
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    const next = rows.length > limit && last !== undefined ? how.cursor(last) : null;
    return new Page(shown.map(how.view), next);
  }
}

/** The optional query of every list: 1,000 items unless told otherwise. */
export class PageQuery {
  @Field.integer({ does: 'The most items to return', min: 1, max: 1_000, default: 1_000 })
  limit!: number;

  @Field.string({ does: 'Where the last page ended: `meta.page.next_cursor`', max: 2_000, optional: true })
  cursor?: string;
}

function digestOf(filters: unknown): string {
  return hash('sha256', JSON.stringify(filters), 'base64url').slice(0, 12);
}

/** An opaque place in a sorted list; it fits only a list with the same filters. */
export function encodeCursor(after: readonly (string | number)[], filters: unknown): string {
  return Buffer.from(JSON.stringify([digestOf(filters), ...after])).toString('base64url');
}

/** The place that a cursor names, or undefined without one; a foreign or damaged cursor is refused with INVALID_CURSOR. */
export function decodeCursor(cursor: string | undefined, filters: unknown): readonly (string | number)[] | undefined {
  if (cursor === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(parsed) && parsed[0] === digestOf(filters)) {
      const after: unknown[] = parsed.slice(1);
      if (!hasNul(after) && after.every((part) => typeof part === 'string' || typeof part === 'number')) return after;
    }
  } catch {
    // Falls through to the refusal: what does not parse is not ours.
  }
  throw new CatalogueError(readModelErrors.invalidCursor);
}
