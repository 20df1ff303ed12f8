import type { Chunking, DocumentCommand } from './documents.decider.js';

/** The version of a document's chunks that a job makes. `documentId` is the uuid of the document's stream. */
export interface ChunkTarget {
  readonly tenantId: string;
  readonly corpusId: string;
  readonly documentId: string;
  readonly versionId: string;
}

export interface IndexedChunks {
  readonly chunkCount: number;
  readonly embeddingSpace: string;
}

/** What ingestion needs of the world. */
export interface DocumentPorts {
  readonly documentContent: {
    /** The clear bytes; undefined when they, or their key, are gone. */
    get(tenantId: string, contentId: string): Promise<Uint8Array | undefined>;
    delete(tenantId: string, contentId: string): Promise<void>;
    /** Destroys the key of the document's texts, so that no copy can be read again. */
    shred(tenantId: string, documentId: string): Promise<void>;
  };
  readonly chunks: {
    /** Cuts, embeds and stores; chunks of an unfinished version are replaced, so a repeat is harmless. */
    index(target: ChunkTarget, text: string, chunking: Chunking, signal: AbortSignal): Promise<IndexedChunks>;
    /** Removes every version but the kept one. */
    dropVersions(tenantId: string, documentId: string, keepVersionId: string | undefined): Promise<void>;
  };
  readonly documentCommands: {
    load(tenantId: string, documentId: string): Promise<import('./documents.decider.js').DocumentState>;
    run(tenantId: string, documentId: string, command: DocumentCommand, commandId: string): Promise<void>;
  };
}
