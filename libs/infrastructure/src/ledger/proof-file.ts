import { createHash } from 'node:crypto';

/** First line's `version` of the proof file format (docs/ledger-format.md, 4). */
export const PROOF_FILE_VERSION = 1;

/** What the file says it holds: some events, every event of a span of a stream, or every event of a span of the log. */
export type Claim =
  | { readonly kind: 'events' }
  | { readonly kind: 'stream'; readonly stream: string; readonly from: number; readonly to: number }
  | { readonly kind: 'range'; readonly from: number; readonly to: number };

export interface ProofHeader {
  readonly log: string;
  readonly origin: string;
  readonly vkey: string;
  readonly claim: Claim;
  readonly events: number;
}

export interface ProofConsistency {
  readonly from: number;
  readonly to: number;
  /** Base64 hashes, RFC 6962 2.1.2. */
  readonly path: readonly string[];
  /** The older signed checkpoint. */
  readonly previous: string;
}

export interface ProofEvent {
  /** 0-based place in the log. */
  readonly index: number;
  /** Base64 of the leaf bytes. */
  readonly leaf: string;
  /** The stored text, byte for byte. */
  readonly data: string;
  readonly metadata: string;
  /** Base64 hashes, RFC 6962 2.1.1. */
  readonly path: readonly string[];
}

export interface ProofEnd {
  readonly events: number;
  /** SHA-256 of all bytes before this line, lower-case hex. */
  readonly sha256: string;
}

export type ProofLine =
  | ({ readonly kind: 'nexusrag-proof'; readonly version: typeof PROOF_FILE_VERSION } & ProofHeader)
  | { readonly kind: 'checkpoint'; readonly note: string }
  | ({ readonly kind: 'consistency' } & ProofConsistency)
  | ({ readonly kind: 'event' } & ProofEvent)
  | ({ readonly kind: 'end' } & ProofEnd);

/** The bytes are no proof file of this version. */
export class MalformedProof extends Error {
  constructor(message: string) {
    super(`malformed proof: ${message}`);
    this.name = 'MalformedProof';
  }
}

/** Prints the lines of a proof file in their order; give it the events, then take `end()`. */
export class ProofPrinter {
  private readonly hash = createHash('sha256');
  private events = 0;

  header(header: ProofHeader): string {
    const { log, origin, vkey, claim, events } = header;
    return this.print({ kind: 'nexusrag-proof', version: PROOF_FILE_VERSION, log, origin, vkey, claim, events });
  }

  checkpoint(note: string): string {
    return this.print({ kind: 'checkpoint', note });
  }

  consistency({ from, to, path, previous }: ProofConsistency): string {
    return this.print({ kind: 'consistency', from, to, path, previous });
  }

  event({ index, leaf, data, metadata, path }: ProofEvent): string {
    this.events += 1;
    return this.print({ kind: 'event', index, leaf, data, metadata, path });
  }

  end(): string {
    const sha256 = this.hash.copy().digest('hex');
    return this.print({ kind: 'end', events: this.events, sha256 });
  }

  private print(line: ProofLine): string {
    const text = `${JSON.stringify(line)}\n`;
    this.hash.update(text);
    return text;
  }
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isCount: Check = (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const is =
  (expected: unknown): Check =>
  (value) =>
    value === expected;

const claims: Readonly<Record<Claim['kind'], Readonly<Record<string, Check>>>> = {
  events: { kind: is('events') },
  stream: { kind: is('stream'), stream: isText, from: isCount, to: isCount },
  range: { kind: is('range'), from: isCount, to: isCount },
};

const isClaim: Check = (value) => Object.values(claims).some((fields) => hasExactly(value, fields));

const lines: Readonly<Record<ProofLine['kind'], Readonly<Record<string, Check>>>> = {
  'nexusrag-proof': {
    kind: isText,
    version: is(PROOF_FILE_VERSION),
    log: isText,
    origin: isText,
    vkey: isText,
    claim: isClaim,
    events: isCount,
  },
  checkpoint: { kind: isText, note: isText },
  consistency: { kind: isText, from: isCount, to: isCount, path: isTexts, previous: isText },
  event: { kind: isText, index: isCount, leaf: isText, data: isText, metadata: isText, path: isTexts },
  end: { kind: isText, events: isCount, sha256: isText },
};

/** Reads one line; throws MalformedProof unless it is, byte for byte, what the printer writes. */
export function parseProofLine(text: string): ProofLine {
  const value = parseJson(text);
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
  const fields = typeof kind === 'string' && Object.hasOwn(lines, kind) ? lines[kind as ProofLine['kind']] : undefined;
  if (fields === undefined) throw new MalformedProof('a line of unknown kind');
  if (!hasExactly(value, fields))
    throw new MalformedProof(`unknown, missing or wrong fields in a ${String(kind)} line`);
  // One spelling only: no spaces, duplicate keys or other escapes that two readers could take differently.
  if (JSON.stringify(value) !== text) throw new MalformedProof('a line is not in its one spelling');
  return value as ProofLine;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new MalformedProof('a line is not JSON');
  }
}

function hasExactly(value: unknown, fields: Readonly<Record<string, Check>>): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const entries = Object.entries(value);
  const names = Object.keys(fields);
  return (
    entries.length === names.length &&
    entries.every(([name, field], at) => names[at] === name && fields[name]?.(field) === true)
  );
}

/** Splits the bytes into lines without making one string of them; throws MalformedProof on bad UTF-8. */
export function* linesOf(
  bytes: Uint8Array,
): Generator<{ readonly text: string; readonly start: number; readonly end: number }> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let start = 0;
  while (start < bytes.length) {
    const newline = bytes.indexOf(0x0a, start);
    if (newline < 0) throw new MalformedProof('the last line is cut off');
    yield { text: decode(decoder, bytes.subarray(start, newline)), start, end: newline + 1 };
    start = newline + 1;
  }
}

function decode(decoder: InstanceType<typeof TextDecoder>, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new MalformedProof('not UTF-8');
  }
}
