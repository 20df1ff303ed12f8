import { documentErrors } from '#domain/capabilities/documents/documents.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { UploadedFile } from '#api/http/upload.js';
import { checkHead, decoderFor, formatOf, HEAD_BYTES, mediaTypeOf, type Format } from '#infra/parsing/formats.js';
import { decoderOf } from '#infra/parsing/undeclared-charset.js';

/** What was handed in: a text, or a file that a job will read. */
export type DocumentSource = { readonly contentType: string } & (
  { readonly form: 'text'; readonly text: string } | { readonly form: 'file'; readonly file: UploadedFile }
);

/** Texts up to this size are decoded at once; longer ones are read by a job, piece by piece. */
const SMALL_TEXT = 1024 * 1024;
const readAtOnce: readonly Format[] = ['text', 'markdown', 'json'];

function refused(reason: string): CatalogueError {
  return new CatalogueError(documentErrors.invalid, { reason });
}

/** A text that can be ingested: something to read, unless that is not asked for, and nothing that a database cannot hold. */
export function checkText(text: string, allowEmpty = false): string {
  if (text.includes('\0')) throw refused('the text holds NUL characters');
  if (!allowEmpty && text.trim() === '') throw refused('the text is empty');
  return text.toWellFormed();
}

/** What an uploaded file is, as far as that can be told at once. Refuses types that nobody reads and files that are not what they say. */
export function sourceOf(file: UploadedFile): DocumentSource {
  const { type, charset } = mediaTypeOf(file.contentType);
  const format = formatOf(type);
  if (format === undefined) throw new CatalogueError(documentErrors.unsupportedType, { content_type: type });
  if (file.size === 0) throw refused('the file is empty');
  const head = file.read(0, HEAD_BYTES);
  // An unknown charset is refused here.
  decoderFor(head, charset);
  checkHead(head, format, charset);
  const contentType = charset === undefined ? type : `${type}; charset=${charset}`;
  if (file.size > SMALL_TEXT || !readAtOnce.includes(format)) return { form: 'file', file, contentType };
  const bytes = file.read(0, file.size);
  const decoded = decoderOf(() => [bytes], head, charset).decode(bytes);
  return { form: 'text', text: checkText(format === 'json' ? textOfJson(decoded) : decoded), contentType: type };
}

function textOfJson(decoded: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(decoded);
  } catch {
    throw refused('the file is not valid JSON');
  }
  const text = typeof parsed === 'object' && parsed !== null ? (parsed as { text?: unknown }).text : undefined;
  if (typeof text !== 'string') throw refused('the JSON object has no text');
  return text;
}
