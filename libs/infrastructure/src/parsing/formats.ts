import { TextDecoder } from 'node:util';
import { unreadable } from './parsing-errors.js';

/** What a file is read as. */
export type Format = 'text' | 'markdown' | 'json' | 'html' | 'xhtml' | 'csv' | 'pdf' | 'docx' | 'xlsx' | 'pptx';

const OFFICE = 'application/vnd.openxmlformats-officedocument';

/** The files that are read: their format, media types and file name extensions. What is most usual comes first. */
const readable: readonly (readonly [format: Format, types: readonly string[], extensions: readonly string[]])[] = [
  ['text', ['text/plain'], ['.txt']],
  ['markdown', ['text/markdown', 'text/x-markdown'], ['.md', '.markdown']],
  ['json', ['application/json'], ['.json']],
  ['html', ['text/html'], ['.html', '.htm']],
  ['xhtml', ['application/xhtml+xml'], ['.xhtml']],
  ['csv', ['text/csv', 'application/csv'], ['.csv']],
  ['pdf', ['application/pdf'], ['.pdf']],
  ['docx', [`${OFFICE}.wordprocessingml.document`], ['.docx']],
  ['xlsx', [`${OFFICE}.spreadsheetml.sheet`], ['.xlsx']],
  ['pptx', [`${OFFICE}.presentationml.presentation`], ['.pptx']],
];

const formats: ReadonlyMap<string, Format> = new Map(
  readable.flatMap(([format, types]) => types.map((type) => [type, format] as const)),
);

/** The media type of a file by the extension of its name, in lower case with its dot. */
export const typesOfFiles: ReadonlyMap<string, string> = new Map(
  readable.flatMap(([, [type = ''], extensions]) => extensions.map((extension) => [extension, type] as const)),
);

/** The media types that are read. */
export const readTypes: readonly string[] = [...formats.keys()];

/** A media type without its parameters, and its charset if it names one. */
export interface MediaType {
  readonly type: string;
  readonly charset: string | undefined;
}

export function mediaTypeOf(contentType: string): MediaType {
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim());
  const charset = parameters
    .map((parameter) => /^charset\s*=\s*"?([\w.:+-]{1,40})"?$/iu.exec(parameter)?.[1])
    .find((found) => found !== undefined);
  return { type: type.toLowerCase(), charset: charset?.toLowerCase() };
}

/** How a media type is read; undefined when nobody reads it. */
export function formatOf(type: string): Format | undefined {
  return formats.get(type);
}

const textual: ReadonlySet<Format> = new Set<Format>(['text', 'markdown', 'json', 'html', 'xhtml', 'csv']);

/** Whether its bytes are text, of some charset. */
export function isTextual(format: Format): boolean {
  return textual.has(format);
}

/** A decoder that replaces what does not fit. A byte order mark has the first word, then the declared charset, then UTF-8. */
export function decoderFor(head: Uint8Array, charset: string | undefined): TextDecoder {
  try {
    return new TextDecoder(markedCharset(head) ?? charset ?? 'utf-8');
  } catch (error) {
    throw unreadable('charset', error);
  }
}

export function hasByteOrderMark(head: Uint8Array): boolean {
  return markedCharset(head) !== undefined;
}

function markedCharset([a, b, c]: Uint8Array): string | undefined {
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8';
  if (a === 0xff && b === 0xfe) return 'utf-16le';
  return a === 0xfe && b === 0xff ? 'utf-16be' : undefined;
}

/** How many bytes `checkHead` looks at. */
export const HEAD_BYTES = 4_096;

const OLE = Buffer.from('d0cf11e0a1b11ae1', 'hex');
const magic: readonly (readonly [kind: string, bytes: Buffer])[] = [
  ['zip', Buffer.from('PK\u0003\u0004', 'latin1')],
  ['zip', Buffer.from('PK\u0005\u0006', 'latin1')],
  ['ole', OLE],
  ['gzip', Buffer.from('1f8b08', 'hex')],
  ['elf', Buffer.from('7f454c46', 'hex')],
  ['png', Buffer.from('89504e470d0a1a0a', 'hex')],
  ['jpeg', Buffer.from('ffd8ff', 'hex')],
];

const PDF = Buffer.from('%PDF-');

/** What the first bytes of a file look like. Something may stand before a PDF, but a text may also tell of one. */
function looksLike(head: Buffer, format: Format): string {
  const known = magic.find(([, bytes]) => head.subarray(0, bytes.length).equals(bytes));
  if (known !== undefined) return known[0];
  const at = head.subarray(0, 1_024).indexOf(PDF);
  return at === 0 || (at > 0 && format === 'pdf') ? 'pdf' : 'text';
}

/** Refuses a file whose first bytes say that it is not what was declared. */
export function checkHead(head: Buffer, format: Format, charset: string | undefined): void {
  const looks = looksLike(head, format);
  if (looks === 'ole' && (format === 'docx' || format === 'xlsx' || format === 'pptx')) return;
  const wanted = isTextual(format) ? 'text' : format === 'pdf' ? 'pdf' : 'zip';
  if (looks !== wanted) throw unreadable('mistyped');
  if (wanted === 'text' && isBinary(head, charset)) throw unreadable('mistyped');
}

/** Text has no NUL, whatever its charset is. */
function isBinary(head: Buffer, charset: string | undefined): boolean {
  return decoderFor(head, charset).decode(head, { stream: true }).includes('\0');
}
