import { createHash } from 'node:crypto';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { Candidacy, Found } from '#infra/retrieval/found.js';
import { unit } from '#infra/retrieval/fusion.js';
import type { Passage } from '#infra/retrieval/passage.js';

/** What an external store says of one passage. */
export interface ExternalPassage {
  readonly text: string;
  readonly source: string;
  readonly score: unknown;
  readonly metadata: JsonObject;
  readonly documentId?: string | undefined;
  readonly chunkId?: string | undefined;
}

/** Passages as ours: what has no text answers nothing, and a score that is no number is 0. The store's order is kept. */
export function foundOutside(results: readonly ExternalPassage[], k: number): Found {
  const passages = results
    .filter(({ text }) => text.trim() !== '')
    .slice(0, k)
    .map(passageOf);
  return { passages, candidates: passages.map(candidacyOf), fusion: null };
}

function passageOf({ text, source, score, metadata, documentId, chunkId }: ExternalPassage): Passage {
  const known = text.toWellFormed();
  return {
    chunkId: chunkId ?? createHash('sha256').update(`${source}\n${known}`).digest('hex').slice(0, 32),
    documentId: documentId ?? source,
    documentUid: documentId ?? source,
    source,
    ordinal: 0,
    text: known,
    start: 0,
    end: known.length,
    score: unit(typeof score === 'number' ? score : 0),
    vectorScore: null,
    lexicalScore: null,
    pages: null,
    metadata,
  };
}

function candidacyOf({ chunkId, documentId, score }: Passage): Candidacy {
  return { chunkId, documentId, vectorScore: null, lexicalScore: null, score };
}

/** The first of these that is a number. */
export function firstNumber(...values: readonly unknown[]): number | undefined {
  return values.find((value): value is number => typeof value === 'number');
}

/** The first of these that is text with something in it. */
export function firstText(...values: readonly unknown[]): string | undefined {
  return values.find((value): value is string => typeof value === 'string' && value !== '');
}
