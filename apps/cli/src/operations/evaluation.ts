import { corpora } from '#domain/capabilities/corpora/corpora.decider.js';
import { idFor } from '#infra/commands/ids.js';
import { numberArg, textArg, UsageError, type Operation } from './operation.js';

interface Asked {
  readonly id: string;
  readonly text: string;
}

/**
 * Searches for each query as `POST /v1/search` does for somebody who may read all: with the settings of the corpus. Gives the
 * found documents with their scores, best first, why a search was less than it could be, and the time that it took.
 */
export const evalSearch: Operation = async function* ({ platform, signal }, args) {
  const tenantId = textArg(args, 'tenant');
  const corpusId = textArg(args, 'corpus');
  const k = numberArg(args, 'k', 50);
  const { queries } = args;
  if (!Array.isArray(queries)) throw new UsageError('queries must be a list');
  const corpus = await platform.path.load(corpora, tenantId, idFor('corpora', tenantId, corpusId));
  if (corpus.status === 'absent') throw new UsageError(`tenant ${tenantId} has no corpus ${corpusId}`);
  const { providerConfig, embedding } = corpus;
  const asked = { tenantId, corpusId, k, providerConfig, embedding, signal };
  for (const { id, text } of queries as unknown as readonly Asked[]) {
    const from = performance.now();
    const { passages, trace } = await platform.retrieval.search({ ...asked, query: text });
    const ms = performance.now() - from;
    const found = passages.map(({ documentId, score }) => ({ documentId, score }));
    yield { id, ms, found, degraded: trace.degraded };
  }
};
