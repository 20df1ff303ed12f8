/** What went wrong, by who must act. The HTTP edge owns the one table from kind to status. */
export type ErrorKind =
  | 'bad_request'
  | 'unauthenticated'
  | 'payment_required'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'timeout'
  | 'conflict'
  | 'gone'
  | 'too_large'
  | 'uri_too_long'
  | 'unsupported_media_type'
  | 'range_not_satisfiable'
  | 'validation'
  | 'rate_limited'
  | 'headers_too_large'
  | 'internal'
  | 'unavailable';

/** One documented row of the error catalogue: a stable code and the sentence that a client may show. */
export interface ErrorRow {
  readonly area: string;
  readonly name: string;
  readonly kind: ErrorKind;
  readonly code: string;
  readonly title: string;
  /** `unavailable` until somebody mends it: a job that meets it gives up at once. */
  readonly lasting: boolean;
}

export type ErrorTable<N extends string> = Readonly<Record<N, ErrorRow>>;

/**
 * Declares the errors of one area: `name: [kind, CODE, 'Sentence.']`, and `'lasting'` behind what is unavailable until somebody
 * mends it. Every row ends in the generated error page.
 */
export function defineErrors<const N extends string>(
  area: string,
  rows: Readonly<Record<N, readonly [kind: ErrorKind, code: string, title: string, lasting?: 'lasting']>>,
): ErrorTable<N> {
  const table: Partial<Record<N, ErrorRow>> = {};
  for (const name of Object.keys(rows) as N[]) {
    const [kind, code, title, lasting] = rows[name];
    table[name] = Object.freeze({ area, name, kind, code, title, lasting: lasting !== undefined });
  }
  return Object.freeze(table) as ErrorTable<N>;
}

/** A refusal with the public facts about it. `details` reach the client; nothing else does. */
export interface Refusal {
  readonly refused: ErrorRow;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Refuses a command: returned by `decide`, never thrown there. */
export function refuse(row: ErrorRow, details?: Readonly<Record<string, unknown>>): Refusal {
  return details === undefined ? { refused: row } : { refused: row, details };
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'refused' in value;
}

/** The one throwable of the catalogue, for code outside deciders. `cause` goes to the log only. */
export class CatalogueError extends Error {
  readonly row: ErrorRow;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(row: ErrorRow, details?: Readonly<Record<string, unknown>>, options?: ErrorOptions) {
    super(row.title, options);
    this.name = 'CatalogueError';
    this.row = row;
    this.details = details;
  }

  static of(refusal: Refusal): CatalogueError {
    return new CatalogueError(refusal.refused, refusal.details);
  }
}

/** Whether it may pass by itself, so that a job tries again: a refusal is the same at every attempt. */
export function mayPass(error: unknown): boolean {
  return !(error instanceof CatalogueError) || (error.row.kind === 'unavailable' && !error.row.lasting);
}
