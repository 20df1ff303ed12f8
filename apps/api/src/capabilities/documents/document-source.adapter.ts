import { documentErrors } from '#domain/capabilities/documents/documents.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { UploadedFile } from '#api/http/upload.js';

const mediaTypes = ['text/plain', 'text/markdown', 'application/json'];

/** What was handed in, decoded. */
export interface DocumentSource {
  readonly text: string;
  readonly contentType: string;
}

function refused(reason: string): CatalogueError {
  return new CatalogueError(documentErrors.invalid, { reason });
}

/** A text that can be ingested: something to read, unless that is not asked for, and nothing that a database cannot hold. */
export function checkText(text: string, allowEmpty = false): string {
  if (text.includes('\0')) throw refused('the text holds NUL characters');
  if (!allowEmpty && text.trim() === '') throw refused('the text is empty');
  return text.toWellFormed();
}

/** The text of an uploaded file: UTF-8 text or markdown, or a JSON object with a `text`. Parameters of the media type are allowed. */
export function sourceOf(file: UploadedFile): DocumentSource {
  const contentType = file.contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!mediaTypes.includes(contentType))
    throw new CatalogueError(documentErrors.unsupportedType, { content_type: contentType });
  const decoded = new TextDecoder('utf-8').decode(file.bytes);
  const text = contentType === 'application/json' ? textOfJson(decoded) : decoded;
  return { text: checkText(text), contentType };
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
