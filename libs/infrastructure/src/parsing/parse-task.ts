import type { Format } from './formats.js';

/** What reading one file may take. */
export interface ParseLimits {
  readonly timeoutMs: number;
  readonly memoryMb: number;
  readonly maxPages: number;
  /** Characters of text, of a file that is not text itself. */
  readonly maxCharacters: number;
  /** Bytes that the parts of an archive may unpack to, together. */
  readonly maxUnpacked: number;
}

export const defaultParseLimits: ParseLimits = {
  timeoutMs: 120_000,
  memoryMb: 512,
  maxPages: 5_000,
  maxCharacters: 64_000_000,
  maxUnpacked: 256 * 1024 * 1024,
};

/** A file's bytes as a worker gets them: in memory, or in an unlinked, encrypted file of this process. */
export type SourceHandle =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'spool';
      readonly fd: number;
      readonly key: Uint8Array;
      readonly iv: Uint8Array;
      readonly size: number;
    };

export interface ParseTask {
  readonly format: Format;
  readonly charset: string | undefined;
  readonly source: SourceHandle;
  readonly limits: ParseLimits;
}

/** A part of a document's text, in order; the text is all parts one after another. */
export interface TextPart {
  readonly text: string;
  /** From 1; null where the format has no pages. */
  readonly page: number | null;
}

/** What a worker says. */
export type WorkerMessage =
  | { readonly kind: 'parts'; readonly parts: readonly TextPart[] }
  | { readonly kind: 'end' }
  | { readonly kind: 'refused'; readonly problem: string; readonly cause: string };
