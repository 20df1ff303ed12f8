import type { JsonObject } from '../../kernel/schema.js';

export interface ContentRef {
  readonly id: string;
  readonly sha256: string;
  readonly size: number;
  readonly keyId: string;
}

export interface Chunking {
  readonly size: number;
  readonly overlap: number;
  /** What sizes count; characters when absent. */
  readonly unit?: 'characters' | 'tokens';
}

export interface SubmitDocument {
  readonly type: 'SubmitDocument';
  readonly data: {
    readonly documentId: string;
    /** Whose it is when it is new. */ readonly owner: string | null;
    readonly shared: boolean;
    readonly corpusId: string;
    readonly filename: string;
    readonly contentType: string;
    readonly ingestSource: 'upload_file' | 'raw_text';
    readonly content: ContentRef;
    readonly form: 'text' | 'file';
    readonly charCount: number;
    readonly metadata: ContentRef | null;
    readonly metadataKeys: readonly string[];
    /** Those that it has when absent. */ readonly labels?: JsonObject;
    readonly chunking: Chunking;
    readonly overwrite: boolean;
  };
}

export interface ReindexDocument {
  readonly type: 'ReindexDocument';
  readonly data: {
    readonly chunking: Chunking;
    /** Through which door; `api` when absent. */ readonly via?: 'api' | 'ui';
  };
}

/** An attempt of a document's job. */
export interface AttemptRef {
  readonly jobId: string;
  /** When it began. */
  readonly startedAt: string;
}

export interface StartProcessing {
  readonly type: 'StartProcessing';
  readonly data: AttemptRef;
}

export interface CompleteIndexing {
  readonly type: 'CompleteIndexing';
  readonly data: AttemptRef & { readonly chunkCount: number; readonly embeddingSpace: string };
}

export interface ReportProgress {
  readonly type: 'ReportProgress';
  readonly data: {
    readonly jobId: string;
    readonly stage: 'parsed' | 'chunked' | 'embedded';
    readonly done: number;
    readonly total: number;
  };
}

export interface FailIngestion {
  readonly type: 'FailIngestion';
  readonly data: AttemptRef & { readonly reason: string; readonly code: string };
}

/** What is absent stays as it is. */
export interface ChangeDetails {
  readonly type: 'ChangeDetails';
  readonly data: {
    readonly labels?: JsonObject;
    readonly metadata?: { readonly content: ContentRef | null; readonly keys: readonly string[] };
  };
}

export interface DeleteDocument {
  readonly type: 'DeleteDocument';
  readonly data: {
    /** Also while it is being ingested; not when absent. */ readonly evenInProgress?: boolean;
  };
}

export type DocumentCommand =
  | SubmitDocument
  | ReindexDocument
  | StartProcessing
  | ReportProgress
  | CompleteIndexing
  | FailIngestion
  | ChangeDetails
  | DeleteDocument;
