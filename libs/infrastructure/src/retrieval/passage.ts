import type { EmbeddingChoice } from '#domain/kernel/embedding.js';
import type { MetadataFilter } from '#domain/kernel/filter/metadata-filter.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { PageSpan } from '#domain/kernel/text/page-span.js';
import type { VisibilityPredicate } from './retrieval-sql.js';

/** Seals chunk texts under their document's key. `decrypt` gives undefined when the key was destroyed. */
export interface ChunkCipher {
  /** `subjectId` names whose key; the document's own when absent. */
  encrypt(tenantId: string, documentId: string, bytes: Uint8Array, subjectId?: string): Promise<Uint8Array>;
  decrypt(tenantId: string, documentId: string, bytes: Uint8Array): Promise<Uint8Array | undefined>;
}

/** One indexing of one document. `documentId` is the internal id, the `id` of the documents read model. */
export interface VersionRef {
  readonly tenantId: string;
  readonly corpusId: string;
  readonly documentId: string;
  readonly versionId: string;
  /** Whose key seals the chunks; the document's own when absent. */
  readonly subjectId?: string;
  /** What the caller said of the document, for filters; none when absent. */
  readonly metadata?: JsonObject;
}

export interface RetrievalQuery {
  readonly tenantId: string;
  readonly corpusId: string;
  readonly query: string;
  /** How many passages; 1 to 200. */
  readonly k: number;
  /** Internal ids of the documents to search in; absent: all that are visible. */
  readonly documentFilter?: readonly string[];
  /** What the caller may read, of the tenant and the corpus; absent: all of it. */
  readonly mayRead?: VisibilityPredicate | undefined;
  /** Only documents that it holds for. */
  readonly filter?: MetadataFilter;
  /** The model that the corpus has chosen, where whoever asks knows it; it is looked up otherwise. */
  readonly embedding?: EmbeddingChoice | null;
  readonly signal?: AbortSignal;
}

/** A found chunk. Scores are 0 to 1 and never NaN; `start` and `end` are UTF-16 offsets of the document's text. */
export interface Passage {
  /** Stable for the same document, version and ordinal. */
  readonly chunkId: string;
  /** The document's public id. */
  readonly documentId: string;
  /** The document's internal id. */
  readonly documentUid: string;
  readonly source: string;
  readonly ordinal: number;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly score: number;
  /** Null where the provider has no such score. */
  readonly vectorScore: number | null;
  readonly lexicalScore: number | null;
  /** Null where the document has no pages. */
  readonly pages: PageSpan | null;
  /** What is known of the document, as its owner said it. */
  readonly metadata: JsonObject;
}

/** Finds passages for a query; what the caller may not see is never read. */
export interface PassageSearch {
  retrieve(query: RetrievalQuery): Promise<Passage[]>;
}
