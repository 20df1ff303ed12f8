import type { CommandPort, ContentPort, SubjectKeyPort } from '../../kernel/ports.js';
import type { JsonObject } from '../../kernel/schema.js';
import type { Chunking } from './documents.decider.js';

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

/** A stored version of a document's chunks. */
export type ChunkVersion = Omit<ChunkTarget, 'corpusId' | 'subjectId' | 'metadata'>;

/** Where passages are found. What it writes answers no question before an event names its version. */
export interface ChunkPort {
  /** Cuts, embeds and stores; chunks of an unfinished version are replaced, so a repeat is harmless. */
  index(target: ChunkTarget, text: string, chunking: Chunking, signal: AbortSignal): Promise<IndexedChunks>;
  /** The versions of a document that are written now. */
  versionsOf(tenantId: string, documentId: string): Promise<readonly string[]>;
  /** Whether no question is answered from the version any more; waits some seconds for the read model to say so. */
  retired(tenantId: string, documentId: string, versionId: string): Promise<boolean>;
  dropVersion(tenantId: string, documentId: string, versionId: string): Promise<void>;
  /** Removes versions that are an hour old and that `isCurrent` does not claim; how many. */
  sweep(isCurrent: (versions: readonly ChunkVersion[]) => Promise<readonly boolean[]>): Promise<number>;
}

/** What ingestion needs of the world. */
export interface DocumentPorts {
  readonly content: ContentPort;
  readonly keys: SubjectKeyPort;
  readonly chunks: ChunkPort;
  readonly commands: CommandPort;
}
