import { corpora, type CorpusState } from '#domain/capabilities/corpora/corpora.decider.js';
import { LOCAL_PROVIDER, providerOf } from '#domain/capabilities/corpora/provider-config.decider.js';
import { retrievalFeature } from '#domain/capabilities/plans/catalogue.decider.js';
import type { Authorization } from '#api/commands/authorization.js';
import type { Features } from '#api/commands/features.js';
import type { Question } from '#api/commands/questions.js';
import type { Rollouts } from '#api/commands/rollouts.js';
import { conversationOf, type Conversation } from '#api/commands/conversations.js';
import type { CallerContext } from '#api/http/caller.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import type { Retrieved } from '#infra/retrieval/found.js';
import type { VisibilityPredicate } from '#infra/retrieval/retrieval-sql.js';
import type { StreamHeaders } from '#infra/recorded-streams/recorded-streams.js';
import { idFor } from '#infra/commands/ids.js';
import type { EarlySearch } from './early-search.adapter.js';
import type { Recalls } from './run-steps.adapter.js';

type CorpusAsked = Pick<Question, 'corpusId' | 'audio' | 'speech'>;

/** A question that was let in. */
export interface RunAsked extends Question {
  readonly conversation: Conversation;
  /** The only corpora that the caller may use; null: all. */
  readonly corpora: readonly string[] | null;
  /** Whether policies let the caller ask a corpus. */
  readonly mayAsk: (corpusId: string) => boolean | Promise<boolean>;
  /** What the caller may read; undefined: all. */
  readonly mayRead: VisibilityPredicate | undefined;
  /** Whether the caller may read what was said before. */
  readonly recalls: Recalls;
  /** What the answer is sent under, to be repeated with it. */
  readonly headers?: StreamHeaders;
  /** As it was when the question was let in. */
  readonly corpus: CorpusState;
  /** What was found in it meanwhile; undefined: nothing was looked for. */
  readonly retrieved?: Promise<Retrieved> | undefined;
}

type Admitted = Pick<RunAsked, 'corpus' | 'mayAsk' | 'mayRead' | 'recalls'>;

/** What a question must pass before its stream begins: switches, and what the tenant's plan includes. */
export class RunAdmission {
  constructor(
    private readonly path: CommandPath,
    private readonly features: Features,
    private readonly rollouts: Rollouts,
    private readonly authorization: Authorization,
    private readonly early: EarlySearch,
  ) {}

  /** Refuses every question, also the resumption of one, while answering is switched off. */
  open(caller: CallerContext): Promise<void> {
    return this.rollouts.refuseKilled('kill.run', caller.tenantId);
  }

  /** Refuses who may not ask a corpus by policy. */
  async mayAsk(corpusId: string, caller: CallerContext): Promise<void> {
    await this.authorization.corpus('run', corpusId, caller);
  }

  /** The conversation that the caller means by a name, as it goes on now. */
  conversation(name: string, { tenantId, principal }: CallerContext): Promise<Conversation> {
    return conversationOf(this.path, { tenantId, userId: principal.subjectId, name });
  }

  /** Gives the corpus that is asked. An unknown one, or a provider that nobody knows, is the run's own answer. */
  async admit(asked: CorpusAsked, caller: CallerContext): Promise<Admitted> {
    await this.mayAsk(asked.corpusId, caller);
    const corpus = await this.corpus(asked, caller);
    return { corpus, mayRead: await this.authorization.readable(caller), ...this.rights(caller) };
  }

  /** As `admit`; who asks alone is looked for passages while the log says whether the corpus is still what it was. */
  async admitQuestion(question: Question, caller: CallerContext): Promise<Admitted & Pick<RunAsked, 'retrieved'>> {
    if (!this.early.isAlone) return this.admit(question, caller);
    const { tenantId } = caller;
    await this.mayAsk(question.corpusId, caller);
    // At once: what is asked of the log in one turn goes out together.
    const loading = this.corpus(question, caller);
    loading.catch(() => undefined);
    const mayRead = await this.authorization.readable(caller);
    const recalled = this.path.recall(corpora, tenantId, idFor('corpora', tenantId, question.corpusId));
    const found = this.early.begin(question, recalled, mayRead, tenantId);
    const corpus = await loading;
    const retrieved = found?.corpus === corpus ? found.retrieved : undefined;
    return { corpus, mayRead, ...this.rights(caller), retrieved };
  }

  private rights(caller: CallerContext): Pick<RunAsked, 'mayAsk' | 'recalls'> {
    return {
      mayAsk: (id) => this.authorization.allowsCorpus('run', id, caller),
      recalls: (run) => this.authorization.mayReadRun(run, caller),
    };
  }

  private async corpus({ corpusId, audio, speech }: CorpusAsked, caller: CallerContext): Promise<CorpusState> {
    const { tenantId } = caller;
    const corpus = await this.path.load(corpora, tenantId, idFor('corpora', tenantId, corpusId));
    await this.provider(corpus, caller);
    if (audio || speech !== undefined) {
      await this.features.require('feature.tts', caller);
      await this.rollouts.refuseUnless('rollout.tts', 'kill.tts', tenantId);
    }
    return corpus;
  }

  private async provider(corpus: CorpusState, caller: CallerContext): Promise<void> {
    const provider = corpus.status === 'absent' ? undefined : providerOf(corpus.providerConfig);
    const feature = provider === undefined ? undefined : retrievalFeature(provider);
    if (feature === undefined) return;
    await this.features.require(feature, caller);
    if (provider !== LOCAL_PROVIDER)
      await this.rollouts.refuseUnless('rollout.external_retrieval', 'kill.external_retrieval', caller.tenantId);
  }
}
