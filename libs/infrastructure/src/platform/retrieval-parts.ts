import type { EmbeddingChoice } from '#domain/kernel/embedding.js';
import type { Embedders } from '#infra/adapters/embedding/embedders.js';
import type { KeyStore } from '#infra/content/content-store.js';
import { DocumentChunkCipher } from '#infra/crypto/chunk-cipher.js';
import type { Database } from '#infra/database/database.js';
import { ChunkVectors } from '#infra/retrieval/chunk-vectors.js';
import type { CorpusEmbeddings } from '#infra/retrieval/corpus-embeddings.js';
import { EmbeddingSpaces } from '#infra/retrieval/embedding-space.js';
import { Reembedding } from '#infra/retrieval/reembedding.js';
import { RetrievalIndex } from '#infra/retrieval/retrieval-index.js';
import { Retriever } from '#infra/retrieval/retriever.js';
import { ScopeSpaces } from '#infra/retrieval/scope-spaces.js';
import { TermHasher } from '#infra/retrieval/term-hasher.js';
import type { TextThread } from '#infra/retrieval/text-thread.js';
import { VectorIndexes } from '#infra/retrieval/vector-indexes.js';
import { ChosenEmbeddings } from './chosen-embeddings.js';

export interface RetrievalParts {
  readonly database: Database;
  readonly keys: KeyStore;
  /** That of the index terms. */
  readonly termKey: Uint8Array;
  readonly texts: TextThread;
  readonly embedders: Embedders;
  readonly documentsView: string;
  readonly corporaView: string;
  readonly recordedEmbedding: (tenantId: string, corpusId: string) => Promise<EmbeddingChoice | null>;
}

export interface RetrievalOfPlatform {
  readonly index: RetrievalIndex;
  readonly search: Retriever;
  readonly vectorIndexes: VectorIndexes;
  /** The model of each corpus. */
  readonly embeddings: CorpusEmbeddings;
  readonly reembedding: Reembedding;
}

/** What is written, found, and embedded anew, over the same index. */
export function openRetrieval(parts: RetrievalParts): RetrievalOfPlatform {
  const { database, embedders, keys, texts, corporaView, recordedEmbedding: recorded } = parts;
  const embeddings = new ChosenEmbeddings({ database, embedders, corporaView, recorded });
  const spaces = new EmbeddingSpaces(database);
  const indexes = new VectorIndexes(database);
  const cipher = new DocumentChunkCipher(keys);
  const hasher = new TermHasher(parts.termKey);
  const shared = { database, embedder: embedders.of(embedders.default), cipher, hasher, texts, spaces, embeddings };
  const scopes = new ScopeSpaces(database, spaces, embeddings);
  const vectors = new ChunkVectors(database, hasher);
  return {
    index: new RetrievalIndex(shared),
    search: new Retriever({ ...shared, documents: { name: parts.documentsView }, indexes }),
    vectorIndexes: indexes,
    embeddings,
    reembedding: new Reembedding({ database, embedders, spaces, scopes, vectors, indexes, cipher }),
  };
}
