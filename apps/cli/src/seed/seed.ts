import { setTimeout as delay } from 'node:timers/promises';
import { type Client, ServerRefused } from '../client.js';
import { demoCorpusId, demoDocuments } from './demo-documents.js';

export interface SeedResult {
  readonly corpus: string;
  readonly documents: number;
  readonly chunks: number;
  readonly alreadySeeded: boolean;
}

const PATIENCE_MS = 60_000;

/** Brings the demo corpus to a tenant through the API, and waits until its documents answer questions. Safe to repeat. */
export async function seedDemo(client: Client): Promise<SeedResult> {
  let isNew = await createCorpus(client);
  for (const document of demoDocuments) {
    const { document_id, filename, title, text, chunks } = document;
    const { status } = await client.call('POST', '/v1/documents/text', {
      corpus_id: demoCorpusId,
      document_id,
      filename,
      text,
      metadata_json: { title, source_type: 'demo' },
      chunk_size_chars: chunks.size,
      chunk_overlap_chars: chunks.overlap,
    });
    isNew ||= status === 202;
  }
  let chunks = 0;
  for (const { document_id } of demoDocuments) chunks += await ingested(client, document_id);
  return { corpus: demoCorpusId, documents: demoDocuments.length, chunks, alreadySeeded: !isNew };
}

async function createCorpus(client: Client): Promise<boolean> {
  try {
    await client.call('POST', '/v1/corpora', { id: demoCorpusId, name: 'Demo', provider_config_json: {} });
    return true;
  } catch (error) {
    if (error instanceof ServerRefused && error.status === 409) return false;
    throw error;
  }
}

interface DocumentState {
  readonly status: string;
  readonly failure_reason: string | null;
  readonly num_chunks: number | null;
}

async function ingested(client: Client, documentId: string): Promise<number> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let wait = 10; Date.now() < deadline; wait = Math.min(500, wait * 1.5)) {
    const { data } = await client.call('GET', `/v1/documents/${documentId}`);
    const state = data as unknown as DocumentState;
    if (state.status === 'succeeded') return state.num_chunks ?? 0;
    if (state.status === 'failed') throw new Error(`demo document ${documentId} failed: ${state.failure_reason ?? ''}`);
    await delay(wait);
  }
  throw new Error(
    `demo document ${documentId} was not ingested within ${PATIENCE_MS / 1_000} s; does a projector run?`,
  );
}
