import type { CorpusState } from '#domain/capabilities/corpora/corpora.decider.js';
import { LOCAL_PROVIDER, providerOf } from '#domain/capabilities/corpora/provider-config.decider.js';
import { runErrors } from '#domain/capabilities/runs/runs.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { EmbeddingChoice } from '#domain/kernel/embedding.js';
import { effectiveTopK } from '#domain/kernel/retrieval/retrieval-settings.js';
import type { OfCorpus } from '#api/commands/authorization.js';
import type { Conversation } from '#api/commands/conversations.js';
import type { MetadataFilter } from '#domain/kernel/filter/metadata-filter.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { Answer, Answerer, AnswerOptions, Turn } from '#infra/adapters/llm/answerer.js';
import type { StreamKey } from '#infra/recorded-streams/stream-writer.js';
import type { RunAsked } from './run-admission.handler.js';
import type { VisibilityPredicate } from '#infra/retrieval/retrieval-sql.js';
import type { CorpusQuery, CorpusSearch, Retrieved, RetrievalTrace } from '#infra/retrieval/found.js';
import type { Passage } from '#infra/retrieval/passage.js';

/** What an answer was made of, directly or by what it remembered. */
export interface Sources {
  readonly corpora: readonly string[];
  /** By their public ids. */
  readonly documents: readonly string[];
}

/** What was said before, oldest first, and where it comes from. */
export interface Remembered {
  readonly turns: readonly Turn[];
  readonly from: Sources;
}

/** What one run is about. */
export interface RunInput {
  readonly tenantId: string;
  readonly runId: string;
  readonly conversation: Conversation;
  readonly corpusId: string;
  readonly message: string;
  readonly topK: number;
  /** What the corpus wants of the model. */
  readonly generation: JsonObject | undefined;
  readonly filter?: MetadataFilter | undefined;
  /** Where the passages of the corpus come from. */
  readonly providerConfig: JsonObject;
  /** The model that the corpus has chosen; null where it never did. */
  readonly embedding: EmbeddingChoice | null;
  /** The only corpora that the caller may use, also in what the conversation said before; null: all. */
  readonly corpora: readonly string[] | null;
  /** Whether policies let the caller ask a corpus. */
  readonly mayAsk: (corpusId: string) => boolean | Promise<boolean>;
  readonly recalls: Recalls;
  /** What was found already. */
  readonly retrieved?: Promise<Retrieved> | undefined;
  /** In place of what the session holds. */
  readonly history?: readonly Turn[] | undefined;
  readonly options?: AnswerOptions | undefined;
  /** What the caller may read; undefined: all. */
  readonly mayRead: VisibilityPredicate | undefined;
}

/** Whether the caller may read a run, and so be answered with what it said. */
export type Recalls = (run: OfCorpus) => boolean | Promise<boolean>;

/** What the steps reach outside, for every run alike. */
export interface RunWorld {
  readonly history: (input: RunInput) => Promise<Remembered>;
  readonly search: CorpusSearch;
  readonly answerer: Answerer;
}

/** What happens on the way, in order. */
export type RunProgress =
  | { readonly kind: 'retrieved'; readonly passages: readonly Passage[]; readonly trace: RetrievalTrace }
  | { readonly kind: 'delta'; readonly delta: string }
  | {
      readonly kind: 'answered';
      readonly answer: Answer;
      readonly trace: RetrievalTrace;
      /** Absent where nothing of the session was looked at. */
      readonly remembered: Sources | undefined;
    };

export type Answered = Extract<RunProgress, { kind: 'answered' }>;

/**
 * The steps of a run, and what happens on the way: the history and the passages at one time, then the answer as it comes.
 * Ends with `answered`; throws what a step throws, or the signal's reason.
 */
export async function* progressOf(world: RunWorld, input: RunInput, signal: AbortSignal): AsyncIterable<RunProgress> {
  const remembered = historyOf(world, input);
  // Whoever waits for it hears of it; until then a failing search is told of first.
  remembered.catch(() => undefined);
  const { passages, trace } = await (input.retrieved ?? search(world, input, signal));
  yield { kind: 'retrieved', passages, trace };
  const { turns: history = [], from } = await remembered;
  signal.throwIfAborted();
  const { tenantId, message: question, generation, options = {} } = input;
  const asked = { tenantId, question, history, passages, generation, options, signal };
  for await (const part of world.answerer.answer(asked)) {
    signal.throwIfAborted();
    if ('final' in part) {
      yield { kind: 'answered', answer: part.final, trace, remembered: from };
      return;
    }
    yield { kind: 'delta', delta: part.delta };
  }
  throw new Error('the answerer ended without an answer');
}

/** Nothing where the passages will only be quoted: what was said before has no part in that. */
async function historyOf({ answerer, history }: RunWorld, input: RunInput): Promise<Partial<Remembered>> {
  if (answerer.quotes(input.generation)) return {};
  return input.history === undefined ? history(input) : { turns: input.history };
}

function search({ search: corpora }: RunWorld, input: RunInput, signal: AbortSignal): Promise<Retrieved> {
  return corpora.search({ ...passagesQuery(input), signal });
}

/** Which passages a question asks for; the `topK` of the input is the number that counts. */
export function passagesQuery(
  input: Pick<
    RunInput,
    'tenantId' | 'corpusId' | 'message' | 'topK' | 'mayRead' | 'providerConfig' | 'embedding' | 'filter'
  >,
): CorpusQuery {
  const { tenantId, corpusId, message: query, topK: k, mayRead, providerConfig, embedding, filter } = input;
  return { tenantId, corpusId, mayRead, providerConfig, embedding, ...(filter && { filter }), query, k };
}

/** Throws CatalogueError for a corpus that is not there. */
export function inputOf({ tenantId, streamId: runId }: StreamKey, asked: RunAsked): RunInput {
  const { conversation, corpusId, message, topK, corpora, mayAsk, mayRead, recalls, corpus } = asked;
  const { history, options, filter, retrieved } = asked;
  if (corpus.status === 'absent') throw new CatalogueError(runErrors.corpusNotFound);
  const { providerConfig, embedding } = corpus;
  const generation = providerConfig['generation'] as JsonObject | undefined;
  const of = { tenantId, runId, conversation, corpusId, corpora, mayAsk, mayRead, recalls, message, retrieved };
  const input = { ...of, history, options, generation, providerConfig, embedding, filter };
  return { ...input, topK: effectiveTopK(topK, providerConfig) };
}

/** Whether the passages of a corpus are looked for in our own tables. */
export function isLocal(corpus: CorpusState): corpus is Exclude<CorpusState, { status: 'absent' }> {
  return corpus.status !== 'absent' && providerOf(corpus.providerConfig) === LOCAL_PROVIDER;
}
