import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { chunkText, defaultChunkSettings, type ChunkSettings } from '#domain/kernel/text/chunker.js';
import { HashingEmbedder } from '#infra/adapters/embedding/hashing-embedder.js';
import type { Embedder } from '#infra/adapters/embedding/embedder.js';
import type { Database } from '#infra/database/database.js';
import type { ChunkCipher } from '#infra/retrieval/passage.js';
import { openingOf, RetrievalIndex } from '#infra/retrieval/retrieval-index.js';
import { Retriever, type RetrievalTuning, type RetrieverOptions } from '#infra/retrieval/retriever.js';
import { TermHasher } from '#infra/retrieval/term-hasher.js';
import { TextThread } from '#infra/retrieval/text-thread.js';
import { VectorIndexes } from '#infra/retrieval/vector-indexes.js';

/** AES-256-GCM under one key, with the tenant and the document as associated data. */
export function testCipher(key = randomBytes(32)): ChunkCipher {
  const aad = (tenantId: string, documentId: string): Buffer => Buffer.from(`${tenantId}/${documentId}`);
  return {
    encrypt: async (tenantId, documentId, bytes) => {
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad(tenantId, documentId));
      const sealed = Buffer.concat([cipher.update(bytes), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), sealed]);
    },
    decrypt: async (tenantId, documentId, bytes) => {
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
      decipher.setAAD(aad(tenantId, documentId)).setAuthTag(bytes.subarray(12, 28));
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]);
    },
  };
}

const termKey = Buffer.alloc(32, 7);

export interface LibraryOptions {
  readonly tuning?: Partial<RetrievalTuning>;
  readonly embedder?: Embedder;
  readonly cipher?: ChunkCipher;
  readonly buildFrom?: number;
}

/** An index with its documents read model, as the product has them. */
export class Library {
  readonly parts: Omit<RetrieverOptions, 'documents'> & { readonly texts: TextThread };
  readonly index: RetrievalIndex;
  readonly retriever: Retriever;
  readonly indexes: VectorIndexes;

  private constructor(
    readonly database: Database,
    options: LibraryOptions,
  ) {
    this.parts = {
      database,
      embedder: options.embedder ?? new HashingEmbedder(),
      cipher: options.cipher ?? testCipher(),
      hasher: new TermHasher(termKey),
      texts: new TextThread(termKey, Infinity),
    };
    this.indexes = new VectorIndexes(database, { buildFrom: options.buildFrom ?? 20_000, trustMs: 0 });
    this.index = new RetrievalIndex(this.parts);
    this.retriever = new Retriever({
      ...this.parts,
      documents: { name: 'read.documents_v1' },
      indexes: this.indexes,
      tuning: options.tuning ?? {},
    });
  }

  static async open(database: Database, options: LibraryOptions = {}): Promise<Library> {
    await database.query('create schema if not exists read');
    await database.query(
      `create table if not exists read.documents_v1 (
         tenant_id text not null, id text not null, document_id text not null, corpus_id text not null,
         status text not null, index_version text, primary key (tenant_id, id))`,
    );
    await database.query('create index if not exists documents_corpus on read.documents_v1 (tenant_id, corpus_id)');
    return new Library(database, options);
  }

  async write(
    tenantId: string,
    corpusId: string,
    documentId: string,
    text: string,
    { version = 'v1', settings = defaultChunkSettings }: { version?: string; settings?: ChunkSettings } = {},
  ): Promise<void> {
    const ref = { tenantId, corpusId, documentId: `uid-${documentId}`, versionId: version };
    await this.index.write(ref, chunkText(text, settings), { context: openingOf(text) });
    await this.index.tidy(tenantId, corpusId);
  }

  /** What the projection does when it sees that a version is indexed. */
  async publish(tenantId: string, corpusId: string, documentId: string, version = 'v1'): Promise<void> {
    await this.database.execute(
      `insert into read.documents_v1 values ($1, $2, $3, $4, 'succeeded', $5)
       on conflict (tenant_id, id) do update set index_version = excluded.index_version`,
      [tenantId, `uid-${documentId}`, documentId, corpusId, version],
    );
  }

  async add(tenantId: string, corpusId: string, documentId: string, text: string, version = 'v1'): Promise<void> {
    await this.write(tenantId, corpusId, documentId, text, { version });
    await this.publish(tenantId, corpusId, documentId, version);
  }
}
