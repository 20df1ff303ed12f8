import type { CorpusState } from '#domain/capabilities/corpora/corpora.decider.js';
import { effectiveTopK } from '#domain/kernel/retrieval/retrieval-settings.js';
import type { Question } from '#api/commands/questions.js';
import type { CorpusSearch, Retrieved } from '#infra/retrieval/found.js';
import type { VisibilityPredicate } from '#infra/retrieval/retrieval-sql.js';
import type { FairSlots } from '#infra/shared-state/fair-slots.js';
import { isLocal } from './run-steps.adapter.js';

/** What was found while the log was asked whether the corpus still is what it was. */
export interface EarlyFind {
  readonly corpus: CorpusState;
  readonly retrieved: Promise<Retrieved>;
}

/** Looks for the passages of a question on what is remembered of its corpus, before it is let in. */
export class EarlySearch {
  constructor(
    private readonly search: CorpusSearch,
    private readonly slots: Pick<FairSlots, 'hasRoom'>,
  ) {}

  /** Undefined where nothing is remembered, the passages are elsewhere, or the run may have to wait for its place. */
  begin(
    { corpusId, message, topK, filter, speech }: Question,
    corpus: CorpusState | undefined,
    mayRead: VisibilityPredicate | undefined,
    tenantId: string,
  ): EarlyFind | undefined {
    if (corpus === undefined || speech !== undefined || !isLocal(corpus) || !this.slots.hasRoom(tenantId))
      return undefined;
    const { providerConfig, embedding } = corpus;
    const k = effectiveTopK(topK, providerConfig);
    const asked = { tenantId, corpusId, query: message, k, providerConfig, embedding, mayRead };
    const retrieved = this.search.search(filter === undefined ? asked : { ...asked, filter });
    // The run hears of it, if there will be one.
    retrieved.catch(() => undefined);
    return { corpus, retrieved };
  }
}
