import { Annotation, END, START, StateGraph, type LangGraphRunnableConfig } from '@langchain/langgraph';
import type { Conversation } from '#api/commands/conversations.js';
import type { MetadataFilter } from '#domain/kernel/filter/metadata-filter.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { Answer, Answerer, AnswerOptions, Turn } from '#infra/adapters/llm/answerer.js';
import { bounded } from '#infra/adapters/llm/bounded-answer.js';
import type { Position } from '#infra/event-log/event-log.js';
import type { ContentRef } from '#infra/content/content-store.js';
import type { VisibilityPredicate } from '#infra/retrieval/retrieval-sql.js';
import type { CorpusSearch, RetrievalTrace } from '#infra/retrieval/found.js';
import type { Passage } from '#infra/retrieval/passage.js';

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
  /** The only corpora that the caller may use, also in what the conversation said before; null: all. */
  readonly corpora: readonly string[] | null;
  /** In place of what the session holds. */
  readonly history?: readonly Turn[] | undefined;
  readonly options?: AnswerOptions | undefined;
  /** What the caller may read; undefined: all. */
  readonly mayRead: VisibilityPredicate | undefined;
  /** Where the log stood when the run began: what the conversation said before is in the log by then. */
  readonly since: Position | null;
}

/** What the graph reaches outside, for every run alike. `save` keeps the answer before anyone is told of it. */
export interface RunWorld {
  readonly history: (input: RunInput) => Promise<readonly Turn[]>;
  readonly search: CorpusSearch;
  readonly answerer: Answerer;
  readonly save: (input: RunInput, answer: Answer, trace: RetrievalTrace) => Promise<ContentRef>;
}

/** What happens on the way, in order. */
export type RunProgress =
  | { readonly kind: 'retrieved'; readonly passages: readonly Passage[]; readonly provider: string }
  | { readonly kind: 'delta'; readonly delta: string }
  | { readonly kind: 'saved'; readonly answer: Answer; readonly ref: ContentRef };

export type Saved = Extract<RunProgress, { kind: 'saved' }>;

const RunState = Annotation.Root({
  input: Annotation<RunInput>(),
  history: Annotation<readonly Turn[]>(),
  passages: Annotation<readonly Passage[]>(),
  trace: Annotation<RetrievalTrace>(),
  answer: Annotation<Answer | undefined>(),
});
type State = typeof RunState.State;
type Node = (state: State, config: LangGraphRunnableConfig) => Promise<Partial<State>>;

function tell(config: LangGraphRunnableConfig, progress: RunProgress): void {
  config.writer?.(progress);
}

/** The four steps of a run: load_history and retrieve at one time, then generate, then save_checkpoint. Compiled once. */
export function runGraph(world: RunWorld) {
  const loadHistory: Node = async ({ input }) => ({
    history: input.history ?? (await world.history(input)),
  });

  const retrieve: Node = async ({ input }, config) => {
    const { tenantId, corpusId, message: query, topK: k, mayRead, providerConfig, filter } = input;
    const where = { tenantId, corpusId, mayRead, providerConfig, ...(filter && { filter }) };
    const { passages, trace } = await world.search.search({ ...where, query, k, ...signalOf(config) });
    tell(config, { kind: 'retrieved', passages, provider: trace.provider });
    return { passages, trace };
  };

  const generate: Node = async ({ input, history, passages }, config) => {
    const signal = config.signal ?? new AbortController().signal;
    const { tenantId, message: question, generation, options = {} } = input;
    const asked = { tenantId, question, history, passages, generation, options, signal };
    for await (const part of bounded(world.answerer.answer(asked), options)) {
      signal.throwIfAborted();
      if ('final' in part) return { answer: part.final };
      tell(config, { kind: 'delta', delta: part.delta });
    }
    throw new Error('the answerer ended without an answer');
  };

  const saveCheckpoint: Node = async ({ input, answer, trace }, config) => {
    if (answer === undefined) throw new Error('there is no answer to save');
    const ref = await world.save(input, answer, trace);
    tell(config, { kind: 'saved', answer, ref });
    return {};
  };

  return new StateGraph(RunState)
    .addNode('load_history', loadHistory)
    .addNode('retrieve', retrieve)
    .addNode('generate', generate)
    .addNode('save_checkpoint', saveCheckpoint)
    .addEdge(START, 'load_history')
    .addEdge(START, 'retrieve')
    .addEdge(['load_history', 'retrieve'], 'generate')
    .addEdge('generate', 'save_checkpoint')
    .addEdge('save_checkpoint', END)
    .compile();
}

function signalOf(config: LangGraphRunnableConfig): { signal?: AbortSignal } {
  return config.signal === undefined ? {} : { signal: config.signal };
}

/** Runs the graph and gives its progress as it happens. */
export async function* progressOf(
  graph: ReturnType<typeof runGraph>,
  input: RunInput,
  signal: AbortSignal,
): AsyncIterable<RunProgress> {
  const stream = await graph.stream({ input }, { streamMode: 'custom', signal });
  for await (const progress of stream) yield progress as RunProgress;
}
