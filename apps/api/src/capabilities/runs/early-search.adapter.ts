import type { CorpusState } from '#domain/capabilities/corpora/corpora.decider.js';
import { effectiveTopK } from '#domain/kernel/retrieval/retrieval-settings.js';
import type { Question } from '#api/commands/questions.js';
import type { CorpusSearch, Retrieved } from '#infra/retrieval/found.js';
import type { VisibilityPredicate } from '#infra/retrieval/retrieval-sql.js';
import type { FairSlots } from '#infra/shared-state/fair-slots.js';
import { isLocal, passagesQuery } from './run-steps.adapter.js';

/** What was found while the log was asked whether the corpus still is what it was. */
export interface EarlyFind {
  readonly corpus: CorpusState;
  readonly retrieved: Promise<Retrieved>;
}

/**
 * Looks for the passages of a question on what is remembered of its corpus, before it is let in. One at a time, while no run is under way:
 * under load, searches that wait for the log go out together, which is worth more.
 */
export class EarlySearch {
  private isUnderWay = false;

  constructor(
    private readonly search: CorpusSearch,
    private readonly slots: Pick<FairSlots, 'taken'>,
  ) {}

  /** Whether nobody else is asking. */
  get isAlone(): boolean {
    return !this.isUnderWay && this.slots.taken === 0;
  }

  /** Undefined where nothing is remembered, the passages are elsewhere, or others are asking. */
  begin(
    question: Question,
    corpus: CorpusState | undefined,
    mayRead: VisibilityPredicate | undefined,
    tenantId: string,
  ): EarlyFind | undefined {
    if (corpus === undefined || question.speech !== undefined || !isLocal(corpus) || !this.isAlone) return undefined;
    const { providerConfig, embedding } = corpus;
    const topK = effectiveTopK(question.topK, providerConfig);
    const asked = passagesQuery({ ...question, tenantId, topK, providerConfig, embedding, mayRead });
    const retrieved = this.search.search(asked);
    this.isUnderWay = true;
    const end = (): void => {
      this.isUnderWay = false;
    };
    // Of a failure the run hears, if there will be one.
    retrieved.then(end, end);
    return { corpus, retrieved };
  }
}
