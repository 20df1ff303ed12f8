/** First line's `version` of the log file format (docs/ledger-format.md, 5). */
export const LOG_FILE_VERSION = 1;

export interface LogFileHeader {
  readonly kind: 'nexusrag-log';
  readonly version: typeof LOG_FILE_VERSION;
  readonly log: string;
  readonly vkey: string;
  readonly events: number;
}

/** One event with its stored bytes; the order of the lines is the order of the log. */
export interface LogFileEvent {
  readonly kind: 'event';
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: string;
  readonly metadata: string;
  readonly recordedAt: string;
}

export interface LogFileEnd {
  readonly kind: 'end';
  readonly events: number;
  /** SHA-256 of all bytes before this line, lower-case hex. */
  readonly sha256: string;
  /** The signed checkpoint over exactly these events. */
  readonly checkpoint: string;
}

/** The file is not a log file, is damaged, or is cut off. */
export class MalformedLogFile extends Error {
  constructor(message: string) {
    super(`malformed log file: ${message}`);
    this.name = 'MalformedLogFile';
  }
}

type Kind = 'text' | 'count';

const header = { kind: 'text', version: 'count', log: 'text', vkey: 'text', events: 'count' } as const;
const event = {
  kind: 'text',
  stream: 'text',
  revision: 'count',
  id: 'text',
  type: 'text',
  schemaVersion: 'count',
  data: 'text',
  metadata: 'text',
  recordedAt: 'text',
} as const;
const end = { kind: 'text', events: 'count', sha256: 'text', checkpoint: 'text' } as const;
const fieldsOf = new Map<unknown, Readonly<Record<string, Kind>>>([
  ['nexusrag-log', header],
  ['event', event],
  ['end', end],
]);

/** Reads one line strictly; throws MalformedLogFile on unknown, missing or wrong fields. */
export function parseLogLine(text: string): LogFileHeader | LogFileEvent | LogFileEnd {
  const value = parseJson(text);
  const fields = fieldsOf.get(value['kind']);
  const names = Object.keys(value);
  const fits =
    fields !== undefined &&
    names.length === Object.keys(fields).length &&
    names.every((name) => Object.hasOwn(fields, name) && isOf(fields[name], value[name]));
  if (!fits || (value['kind'] === 'nexusrag-log' && value['version'] !== LOG_FILE_VERSION)) {
    throw new MalformedLogFile('a line of unknown kind, version or fields');
  }
  return value as unknown as LogFileHeader | LogFileEvent | LogFileEnd;
}

/** Splits chunks at newlines only (the text of an event may hold other line separators). */
export async function* logLines(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') throw new MalformedLogFile('the last line is cut off');
}

function isOf(kind: Kind | undefined, value: unknown): boolean {
  return kind === 'text' ? typeof value === 'string' : Number.isSafeInteger(value) && Number(value) >= 0;
}

function parseJson(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MalformedLogFile('a line is not JSON');
  }
  if (typeof value !== 'object' || value === null) throw new MalformedLogFile('a line is not an object');
  return value as Record<string, unknown>;
}
