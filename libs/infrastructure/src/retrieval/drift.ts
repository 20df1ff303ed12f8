/** How the index can differ from what the log says. The first four are mended by ingesting anew, the last two by removing. */
export const driftKinds = [
  'version_missing',
  'chunks_differ',
  'vectors_missing',
  'postings_missing',
  'version_orphaned',
  'postings_orphaned',
] as const;

export type DriftKind = (typeof driftKinds)[number];

/** One difference. `expected` and `found` count chunks, vectors or terms, as the kind says. */
export interface Drift {
  readonly kind: DriftKind;
  /** Null for postings whose version is gone: they say no more than their number. */
  readonly tenantId: string | null;
  readonly corpusId: string | null;
  /** The internal id. */
  readonly documentUid: string | null;
  /** As its owner calls it; null where the read model does not know the document. */
  readonly documentId: string | null;
  readonly versionId: string | null;
  readonly versionNo: string | null;
  readonly expected: number;
  readonly found: number;
}

/** What is looked at; all of it where nothing is said. */
export interface DriftScope {
  readonly tenantId?: string | undefined;
  readonly corpusId?: string | undefined;
}

/** What was compared so far. */
export interface DriftFigures {
  documents: number;
  versions: number;
  chunks: number;
}
