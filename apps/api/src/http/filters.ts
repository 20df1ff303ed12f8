import { CatalogueError, isRefusal } from '#domain/kernel/errors.js';
import { filterErrors } from '#domain/kernel/filter/filter-limits.js';
import { parseFilter, type MetadataFilter } from '#domain/kernel/filter/metadata-filter.js';

import { parseJson } from './json.js';

/** The filter of a body; refused with FILTER_INVALID or FILTER_TOO_COMPLEX. */
export function filterOf(input: object | undefined): MetadataFilter | undefined {
  return input === undefined ? undefined : read(input);
}

/** The filter of a query, which is a JSON text. */
export function filterInText(text: string | undefined): MetadataFilter | undefined {
  if (text === undefined) return undefined;
  return read(parseJson(text, (reason) => new CatalogueError(filterErrors.invalid, { at: '$', reason })));
}

function read(input: unknown): MetadataFilter | undefined {
  const filter = parseFilter(input);
  if (isRefusal(filter)) throw CatalogueError.of(filter);
  return filter;
}
