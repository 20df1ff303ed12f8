import { estimatedTokens } from '#domain/kernel/text/tokens.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { Outbound, OutboundCall } from '#infra/shared-state/outbound.js';
import type { StreamDeadlines } from '#infra/shared-state/stream-parts.js';
import {
  citationOf,
  type Answer,
  type Answerer,
  type AnswerOptions,
  type AnswerPart,
  type AnswerRequest,
} from './answerer.js';
import { bounded } from './bounded-answer.js';
import type { ChatEnd, ChatModel, ChatPart } from './chat-model.js';
import { CitationFilter } from './citation-filter.js';
import { EXTRACTIVE } from './extractive-answerer.js';
import { generationOf, type Generation } from './generation.js';
import { isIllness, isPassing, LlmFailure, toldOf } from './llm-failure.js';
import { promptOf, type CountTokens, type Prompted } from './prompt.js';

export interface ModelAnswererOptions {
  /** The model of a name, e.g. `openai:gpt-4o-mini`; undefined where it is not configured. */
  readonly modelOf: (name: string) => ChatModel | undefined;
  /** Names of the models in the order in which they are asked; a corpus may name others. */
  readonly chain: readonly string[];
  readonly maxOutputTokens: number;
  readonly temperature: number | undefined;
  readonly deadlines: StreamDeadlines;
  /** Calls at one time to one endpoint. */
  readonly concurrency: number;
  /** Answers when no model does; where undefined that is an error. */
  readonly fallback: Answerer | undefined;
  readonly outbound: Outbound;
  readonly tokenizer: () => Promise<CountTokens>;
  /** Told of each model that failed; must not throw. */
  readonly onFailure: (model: string, error: unknown) => void;
}

/** Only told, never thrown: most answers without a model begin with it, and a new error costs its stack. */
const UNCONFIGURED = new LlmFailure('unconfigured');

const REFUSED = 'The model declined to answer this question.';

/** What is told of, or ends, an answer. */
type Part = Exclude<ChatPart, { readonly thinking: true }>;

/** An answer whose first text has come. */
interface Begun {
  readonly model: ChatModel;
  readonly prompted: Prompted;
  readonly first: Part;
  readonly rest: AsyncIterator<ChatPart, void>;
}

/**
 * Asks models in order until one begins to answer. From its first text on the answer is that model's alone: if it fails then,
 * so does the run, for two models' halves are no answer.
 */
export class ModelAnswerer implements Answerer {
  readonly name: string;

  constructor(private readonly options: ModelAnswererOptions) {
    this.name = options.chain.join(', ');
  }

  get configured(): boolean {
    return this.options.chain.some((name) => this.options.modelOf(name) !== undefined);
  }

  quotes(wanted: JsonObject | undefined): boolean {
    const chain = generationOf(wanted).chain ?? this.options.chain;
    const quoting = chain.indexOf(EXTRACTIVE.provider);
    const before = quoting < 0 ? chain : chain.slice(0, quoting);
    return this.options.fallback !== undefined && before.every((name) => this.options.modelOf(name) === undefined);
  }

  async *answer(request: AnswerRequest): AsyncIterable<AnswerPart> {
    const generation = generationOf(request.generation);
    const chain = generation.chain ?? this.options.chain;
    let failure: unknown = UNCONFIGURED;
    let attempts = 0;
    for (const name of chain) {
      // Whoever wants quotations instead of a model gets them.
      if (name === EXTRACTIVE.provider) break;
      attempts += 1;
      try {
        const model = this.options.modelOf(name);
        if (model !== undefined) {
          const begun = await this.begin(model, request, generation);
          yield* bounded(this.tell(begun, attempts), guardOf(request.options));
          return;
        }
        failure = UNCONFIGURED;
        this.options.onFailure(name, failure);
      } catch (error) {
        request.signal?.throwIfAborted();
        this.options.onFailure(name, error);
        if (error instanceof BrokenOff) throw new CatalogueError(toldOf(error.cause).row);
        failure = error;
      }
    }
    yield* this.without(failure, request, attempts);
  }

  private async begin(model: ChatModel, request: AnswerRequest, generation: Generation): Promise<Begun> {
    const { contextTokens } = model;
    const { options: wanted = {} } = request;
    const most = this.options.maxOutputTokens;
    const asked = {
      ...request,
      ...wanted,
      contextTokens,
      // Half of the window at most, for the question and its passages need room as well.
      maxOutputTokens: Math.min(
        ...[most, Math.floor(contextTokens / 2)],
        ...[generation.maxOutputTokens ?? most, wanted.maxOutputTokens ?? most],
      ),
      temperature: wanted.temperature ?? generation.temperature ?? this.options.temperature,
    };
    const prompted = await promptOf(asked, this.options.tokenizer);
    const parts = this.options.outbound.stream(this.callOf(model, request), this.options.deadlines, (signal) =>
      model.stream(prompted.prompt, signal),
    );
    const first = await nextOf(parts);
    if (first === undefined || isEmpty(first)) {
      await parts.return();
      throw new LlmFailure('incomplete');
    }
    return { model, prompted, first, rest: parts };
  }

  private callOf({ integration }: ChatModel, { tenantId, signal }: AnswerRequest): OutboundCall {
    return {
      tenantId,
      integration,
      retryable: isPassing,
      counts: isIllness,
      retryAfterMs: (error) => (error instanceof LlmFailure ? error.detail.retryAfterMs : undefined),
      options: { concurrency: this.options.concurrency, queue: this.options.concurrency },
      ...(signal === undefined ? {} : { signal }),
    };
  }

  private async *tell(begun: Begun, attempts: number): AsyncGenerator<AnswerPart> {
    const { first, rest, prompted } = begun;
    const filter = new CitationFilter(prompted.passages.length);
    let text = '';
    let end: ChatEnd | undefined;
    try {
      for (let part: Part | undefined = first; part !== undefined; part = await nextOf(rest)) {
        const delta = 'end' in part ? filter.end() : filter.push(part.text);
        if ('end' in part) end = part.end;
        text += delta;
        if (delta !== '') yield { delta };
      }
      if (end === undefined) throw new LlmFailure('incomplete');
    } catch (error) {
      throw new BrokenOff(error);
    } finally {
      await rest.return?.();
    }
    if (text === '') yield { delta: (text = REFUSED) };
    yield { final: finalOf(begun, text, end, filter, attempts) };
  }

  private async *without(failure: unknown, request: AnswerRequest, attempts: number): AsyncIterable<AnswerPart> {
    const { fallback } = this.options;
    const { row, reason } = toldOf(failure);
    if (fallback === undefined) throw new CatalogueError(row);
    for await (const part of fallback.answer(request)) {
      yield 'final' in part
        ? { final: { ...part.final, degraded: true, reasonCode: reason, attempts: attempts + 1 } }
        : part;
    }
  }
}

/**
 * Models keep the most tokens themselves, and no rule counts as they do: only what is far too long is cut. Not every model knows
 * stop sequences.
 */
function guardOf({ maxOutputTokens, stop = [] }: AnswerOptions = {}): AnswerOptions {
  return { stop, ...(maxOutputTokens === undefined ? {} : { maxOutputTokens: 2 * maxOutputTokens + 64 }) };
}

/** It failed after its first text. */
class BrokenOff extends Error {
  constructor(cause: unknown) {
    super('the model failed within its answer', { cause });
    this.name = 'BrokenOff';
  }
}

/** An end without a word, which is no answer. */
function isEmpty(part: Part): boolean {
  return 'end' in part && part.end.finish !== 'refused';
}

/** The next part that is no thought. */
async function nextOf(parts: AsyncIterator<ChatPart, void>): Promise<Part | undefined> {
  for (;;) {
    const { done, value } = await parts.next();
    if (done === true) return undefined;
    if (!('thinking' in value)) return value;
  }
}

function finalOf(
  { model, prompted }: Begun,
  text: string,
  { finish, tokens }: ChatEnd,
  filter: CitationFilter,
  attempts: number,
): Answer {
  const refused = finish === 'refused';
  const given = [prompted.prompt.system, ...prompted.prompt.turns.map(({ content }) => content)];
  const estimated = { input: estimatedTokens(given), cached: 0, output: estimatedTokens([text]), reasoning: 0 };
  return {
    text,
    citations: filter.cited.flatMap((at) => {
      const passage = prompted.passages[at];
      return passage === undefined ? [] : [citationOf(passage)];
    }),
    degraded: refused,
    reasonCode: refused ? 'llm_refused' : null,
    provider: model.provider,
    model: model.model,
    attempts,
    finishReason: finish,
    droppedCitations: filter.dropped,
    tokens: { ...(tokens ?? estimated), estimated: tokens === undefined },
  };
}
