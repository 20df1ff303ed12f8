import type { CommandPort, ContentPort, SubjectKeyPort } from '../../kernel/ports.js';
import type { JsonObject } from '../../kernel/schema.js';
import type { Chunking, ReportProgress } from './document-commands.decider.js';

/** The version of a document's chunks that a job makes. `documentId` is the uuid of the document's stream. */
export interface ChunkTarget {
  readonly tenantId: string;
  readonly corpusId: string;
  readonly documentId: string;
  readonly versionId: string;
  /** Whose key seals the chunks. */
  readonly subjectId: string;
  /** What the caller said of the document, for filters. */
  readonly metadata: JsonObject;
}

export interface IndexedChunks {
  readonly chunkCount: number;
  readonly embeddingSpace: string;
}

/** Where a document's text comes from. */
export interface IngestSource {
  readonly contentId: string;
  readonly form: 'text' | 'file';
  readonly contentType: string;
}

/** How far an ingestion is. */
export type IngestProgress = Omit<ReportProgress['data'], 'jobId'>;

/** A job under way: when it is to end, and who hears of large documents how far they are. */
export interface IngestWatch {
  readonly signal: AbortSignal;
  readonly tell: (progress: IngestProgress) => Promise<void>;
}

/** A stored version of a document's chunks. */
export type ChunkVersion = Omit<ChunkTarget, 'corpusId' | 'subjectId' | 'metadata'>;

/** Where passages are found. What it writes answers no question before an event names its version. */
export interface ChunkPort {
  /**
   * Reads, cuts, embeds and stores; chunks of an unfinished version are replaced, so a repeat is harmless. Undefined when
   * the source is not stored any more; throws CatalogueError for one that can never be ingested.
   */
  index(
    target: ChunkTarget,
    source: IngestSource,
    chunking: Chunking,
    watch: IngestWatch,
  ): Promise<IndexedChunks | undefined>;
  /** Does what writing puts off, where that is due; may take seconds. What fails is tried again by the next. */
  tidy(tenantId: string, corpusId: string): Promise<void>;
  /** Puts another metadata beside every written version of a document. */
  describe(tenantId: string, documentId: string, metadata: JsonObject): Promise<void>;
  /** The versions of a document that are written now. */
  versionsOf(tenantId: string, documentId: string): Promise<readonly string[]>;
  /** Whether no question is answered from the version any more; waits some seconds for the read model to say so. */
  retired(tenantId: string, documentId: string, versionId: string): Promise<boolean>;
  dropVersion(tenantId: string, documentId: string, versionId: string): Promise<void>;
  /** Removes versions that are an hour old and that `isCurrent` does not claim; how many. */
  sweep(isCurrent: (versions: readonly ChunkVersion[]) => Promise<readonly boolean[]>): Promise<number>;
}

/** Whether the corpus of a document is there; asked of the log itself. */
export interface CorporaPort {
  exists(tenantId: string, corpusId: string): Promise<boolean>;
}

/** What ingestion needs of the world. */
export interface DocumentPorts {
  readonly corpora: CorporaPort;
  readonly content: ContentPort;
  readonly keys: SubjectKeyPort;
  readonly chunks: ChunkPort;
  readonly commands: CommandPort;
}
