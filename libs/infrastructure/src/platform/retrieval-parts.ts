import type { EmbeddingChoice } from '#domain/kernel/embedding.js';
import { Embedders, type EmbeddersConfig } from '#infra/adapters/embedding/embedders.js';
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
import { TextThread } from '#infra/retrieval/text-thread.js';
import { VectorIndexes } from '#infra/retrieval/vector-indexes.js';
import type { Outbound } from '#infra/shared-state/outbound.js';
import { ChosenEmbeddings } from './chosen-embeddings.js';

export interface RetrievalParts {
  readonly database: Database;
  readonly keys: KeyStore;
  /** That of the index terms. */
  readonly termKey: Uint8Array;
  readonly config: EmbeddersConfig;
  readonly outbound: Outbound;
  readonly onError: (error: unknown, where: string) => void;
  readonly documentsView: string;
  readonly corporaView: string;
  readonly recordedEmbedding: (tenantId: string, corpusId: string) => Promise<EmbeddingChoice | null>;
}

export interface RetrievalOfPlatform {
  readonly embedders: Embedders;
  /** Closed with the platform. */
  readonly texts: TextThread;
  readonly index: RetrievalIndex;
  readonly search: Retriever;
  readonly vectorIndexes: VectorIndexes;
  /** The model of each corpus. */
  readonly embeddings: CorpusEmbeddings;
  readonly reembedding: Reembedding;
}

/** What is written, found, and embedded anew, over the same index. */
export function openRetrieval(parts: RetrievalParts): RetrievalOfPlatform {
  const { database, keys, onError, corporaView, recordedEmbedding: recorded } = parts;
  const texts = new TextThread(parts.termKey);
  const embedders = new Embedders(parts.config, parts.outbound, texts);
  const embeddings = new ChosenEmbeddings({ database, embedders, corporaView, recorded });
  const spaces = new EmbeddingSpaces(database);
  const indexes = new VectorIndexes(database);
  const cipher = new DocumentChunkCipher(keys);
  const hasher = new TermHasher(parts.termKey);
  const shared = { database, embedder: embedders.of(embedders.default), cipher, hasher, texts, spaces, embeddings };
  const scopes = new ScopeSpaces(database, spaces, embeddings);
  const vectors = new ChunkVectors(database, hasher);
  return {
    embedders,
    texts,
    index: new RetrievalIndex({ ...shared, onError }),
    search: new Retriever({ ...shared, documents: { name: parts.documentsView }, indexes }),
    vectorIndexes: indexes,
    embeddings,
    reembedding: new Reembedding({ database, embedders, spaces, scopes, vectors, indexes, cipher }),
  };
}
