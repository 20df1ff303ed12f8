import { CatalogueError, defineErrors } from '#domain/kernel/errors.js';

/** Why a file was not read. The codes are stable: they stand in events and on documents. */
export const parsingErrors = defineErrors('parsing', {
  mistyped: ['validation', 'FILE_TYPE_MISMATCH', 'The content of the file is not of the type that was declared'],
  broken: ['validation', 'FILE_BROKEN', 'The file is damaged or was cut off'],
  encrypted: ['validation', 'FILE_ENCRYPTED', 'The file is protected by a password'],
  bomb: ['validation', 'FILE_UNPACKS_TOO_LARGE', 'The file unpacks to more than is read'],
  parts: ['validation', 'FILE_TOO_MANY_PARTS', 'The file has too many parts'],
  paths: ['validation', 'FILE_UNSAFE_PATHS', 'Names inside the file lead out of it'],
  nested: ['validation', 'FILE_NESTED_TOO_DEEP', 'The file is nested too deeply'],
  macros: ['validation', 'FILE_HAS_MACROS', 'The file holds macros; save it without them'],
  entities: ['validation', 'FILE_DEFINES_ENTITIES', 'The file defines XML entities, which are not read'],
  pages: ['validation', 'FILE_TOO_MANY_PAGES', 'The file has more pages than are read'],
  textTooLong: ['validation', 'FILE_TEXT_TOO_LONG', 'The file holds more text than is read'],
  noText: ['validation', 'FILE_WITHOUT_TEXT', 'The file holds no text'],
  tooSlow: ['validation', 'FILE_TAKES_TOO_LONG', 'Reading the file takes too long'],
  tooHungry: ['validation', 'FILE_NEEDS_TOO_MUCH_MEMORY', 'Reading the file takes too much memory'],
  charset: ['validation', 'CHARSET_UNKNOWN', 'The charset of the content type is not known'],
});

export type ParsingProblem = keyof typeof parsingErrors;

/** The error of a problem; `cause` goes to the log only. */
export function unreadable(problem: ParsingProblem, cause?: unknown): CatalogueError {
  return new CatalogueError(parsingErrors[problem], undefined, cause === undefined ? undefined : { cause });
}

export function isParsingProblem(name: unknown): name is ParsingProblem {
  return typeof name === 'string' && Object.hasOwn(parsingErrors, name);
}
