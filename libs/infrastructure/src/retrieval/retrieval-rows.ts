import type { JsonObject } from '#domain/kernel/schema.js';
import type { PageColumns } from './chunk-pages.js';
import type { Candidacy, Found } from './found.js';
import { unit, type Candidate, type Fused, type FusionRule } from './fusion.js';

/** A candidate as the first statement gives it; the last row, of ordinal -1, has the totals. */
export interface CandidateRow {
  readonly place: number;
  readonly version_no: string;
  readonly ordinal: number;
  readonly chunk_id: string | null;
  readonly cosine: number | null;
  readonly bm25: number;
}

/** A row of the final order. */
export interface PassageRow extends PageColumns {
  readonly place: number;
  readonly version_no: string;
  readonly ordinal: number;
  readonly final: number;
  readonly chunk_id: string;
  readonly start_at: number;
  readonly end_at: number;
  /** Null beyond the passages that are given. */
  readonly body: Uint8Array | null;
  readonly metadata: JsonObject;
  readonly document_uid: string;
  readonly document_id: string;
  readonly source: string;
}

/** What is found where nothing is. */
export function nothing({ fusion, vectorWeight, rrfK }: FusionRule): Found {
  const rule = { kind: fusion, vectorWeight, rrfK: fusion === 'rrf' ? rrfK : null };
  return { passages: [], candidates: [], fusion: rule };
}

export interface ScoredRow extends PassageRow, Pick<Candidacy, 'vectorScore' | 'lexicalScore' | 'score'> {}

export function scoredRows(rows: readonly PassageRow[], fused: readonly Fused[], sureness: number): ScoredRow[] {
  const legs = new Map(fused.map((candidate) => [candidate.chunkId, candidate]));
  return rows.map((row) => {
    const { vectorScore = 0, lexicalScore = 0 } = legs.get(row.chunk_id) ?? {};
    return { ...row, vectorScore, lexicalScore, score: unit(row.final * sureness) };
  });
}

export function candidacyOf({ chunk_id, document_id, vectorScore, lexicalScore, score }: ScoredRow): Candidacy {
  return { chunkId: chunk_id, documentId: document_id, vectorScore, lexicalScore, score };
}

export function candidatesOf(rows: readonly CandidateRow[]): Candidate[] {
  return rows
    .filter(({ ordinal }) => ordinal >= 0)
    .map((row) => ({
      versionNo: row.version_no,
      ordinal: row.ordinal,
      chunkId: row.chunk_id ?? '',
      cosine: row.cosine,
      bm25: row.bm25,
    }));
}
