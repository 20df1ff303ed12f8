import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Json } from '#domain/kernel/schema.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { httpErrors } from '#api/http/errors.js';
import { readModelErrors, type CursorForm } from '#infra/read-models/cursor.js';
import type { Direction, RowPage } from '#infra/read-models/read-models.js';
import type { UiPage } from './ui-lists.contract.js';

/** Columns and their directions, and how a cursor names them. */
export interface Sort<C extends string> {
  readonly orderBy: readonly (readonly [column: C, direction: Direction])[];
  readonly text: string;
}

/**
 * Reads `-created_at,name`: columns by the names that clients know, the first mention of each counting. The row's own id
 * decides between equals, in the direction of the first column. Refuses a name that is not known with 400.
 */
export function sortOf<C extends string>(
  given: string | undefined,
  known: Readonly<Record<string, C>>,
  standard: string,
  tie: C,
): Sort<C> {
  const text = given === undefined || given.trim() === '' ? standard : given;
  const orderBy = new Map<C, Direction>();
  for (const part of text.split(',')) {
    const name = part.trim();
    const descending = name.startsWith('-');
    const column = columnOf(descending ? name.slice(1) : name, known);
    if (!orderBy.has(column)) orderBy.set(column, descending ? 'desc' : 'asc');
  }
  const [first = 'asc'] = orderBy.values();
  if (!orderBy.has(tie)) orderBy.set(tie, first);
  const columns = [...orderBy];
  return { orderBy: columns, text: columns.map(([name, direction]) => `${name} ${direction}`).join(',') };
}

function columnOf<C extends string>(name: string, known: Readonly<Record<string, C>>): C {
  const column = Object.hasOwn(known, name) ? known[name] : undefined;
  if (column === undefined) throw new CatalogueError(httpErrors.badRequest, { sort: Object.keys(known) });
  return column;
}

interface Place {
  readonly v: 1;
  readonly scope: string;
  readonly tenant_id: string;
  readonly sort: string;
  /** Names the list with its filters. */
  readonly list: string;
  readonly values: readonly Json[];
}

/** Cursors that only this installation can write, each good for one list of one tenant with its sort and its filters. */
export class SignedCursors {
  constructor(private readonly secret: Buffer) {}

  for(scope: string, tenantId: string, sort: string): CursorForm {
    const base = { v: 1, scope, tenant_id: tenantId, sort } as const;
    return {
      write: (list, values) => this.sign({ ...base, list, values }),
      read: (cursor, list, length) => {
        const place = this.opened(cursor);
        const expected: Omit<Place, 'values'> = { ...base, list };
        const fits = Object.entries(expected).every(([key, value]) => place?.[key as keyof Place] === value);
        if (place === undefined || !fits || place.values.length !== length)
          throw new CatalogueError(readModelErrors.invalidCursor);
        return place.values;
      },
    };
  }

  private sign(place: Place): string {
    const text = Buffer.from(JSON.stringify(place)).toString('base64url');
    return `${text}.${this.mac(text).toString('hex')}`;
  }

  private opened(cursor: string): Place | undefined {
    const [text = '', mac = '', ...more] = cursor.split('.');
    const [given, made] = [Buffer.from(mac, 'hex'), this.mac(text)];
    if (more.length > 0 || given.length !== made.length || !timingSafeEqual(given, made)) return undefined;
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Place;
  }

  private mac(text: string): Buffer {
    return createHmac('sha256', this.secret).update(text).digest();
  }
}

export function pageOf({ next }: RowPage<unknown>): UiPage {
  return { next_cursor: next, has_more: next !== null };
}

/** Instants from the year 1000 to 9999 are written alike here and in the database. */
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** The condition for instants from one to another, both included. */
export function between(from: string | undefined, to: string | undefined) {
  if (from === undefined && to === undefined) return undefined;
  return {
    ...(from === undefined ? {} : { from: new Date(from).toISOString() }),
    ...(to === undefined ? {} : { before: new Date(Math.min(LAST_MS, Date.parse(to) + 1)).toISOString() }),
  };
}
