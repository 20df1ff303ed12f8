import { numberArg, textArg, UsageError, type Operation } from './operation.js';

interface Asked {
  readonly id: string;
  readonly text: string;
}

/** Searches for each query and gives the found documents with their scores, best first, and the time that it took. */
export const evalSearch: Operation = async function* ({ platform, signal }, args) {
  const tenantId = textArg(args, 'tenant');
  const corpusId = textArg(args, 'corpus');
  const k = numberArg(args, 'k', 50);
  const { queries } = args;
  if (!Array.isArray(queries)) throw new UsageError('queries must be a list');
  for (const { id, text } of queries as unknown as readonly Asked[]) {
    const from = performance.now();
    const passages = await platform.search.retrieve({ tenantId, corpusId, query: text, k, signal });
    const ms = performance.now() - from;
    yield { id, ms, found: passages.map(({ documentId, score }) => ({ documentId, score })) };
  }
};
