import type { EmbeddingChoice } from '#domain/kernel/embedding.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Outbound, OutboundCall } from '#infra/shared-state/outbound.js';
import { normalised, type EmbedContext, type Embedder } from './embedder.js';
import { embeddingErrors, EmbeddingFault } from './embedding-errors.js';
import { firstPart, fitInput, type FittedInput } from './input-limit.js';
import { spaceNameOf, type ModelFacts } from './models.js';

export type Purpose = 'document' | 'query';

/** What a provider gave for the texts of one request, in their order. */
export interface EmbeddingAnswer {
  readonly vectors: readonly ArrayLike<number>[];
  /** As the provider counted them; undefined when it does not tell. */
  readonly tokens: number | undefined;
  /** Texts that the provider itself cut. */
  readonly truncated: number;
}

/** One provider's wire. */
export interface EmbeddingWire {
  /** Names the breaker; another address is another integration. */
  readonly integration: string;
  /** One request, without repetition. Throws an EmbeddingFault. */
  request(texts: readonly string[], purpose: Purpose, signal: AbortSignal): Promise<EmbeddingAnswer>;
}

export interface RemoteEmbedderOptions {
  readonly choice: EmbeddingChoice;
  readonly facts: ModelFacts;
  readonly wire: EmbeddingWire;
  readonly outbound: Outbound;
  /** Requests of one call that are under way at once. */
  readonly parallel: number;
  readonly timeoutMs?: number;
}

interface Input extends FittedInput {
  readonly place: number;
}

/** How often a text that is refused as too long is cut to three quarters before that is an error. */
const MOST_CUTS = 6;

/** Vectors of a model behind an API: batched within its limits, a bounded number of requests at once, each through `Outbound`. */
export class RemoteEmbedder implements Embedder {
  readonly model: string;
  readonly dimension: number;
  readonly local = false;

  constructor(private readonly options: RemoteEmbedderOptions) {
    this.model = spaceNameOf(options.choice);
    this.dimension = options.choice.dimension;
  }

  async embed(texts: readonly string[], context: EmbedContext): Promise<Float32Array[]> {
    const vectors = new Array<Float32Array>(texts.length);
    const inputs: Input[] = [];
    for (const [place, text] of texts.entries()) {
      // What has no character in it has no direction either, and most providers refuse it.
      if (text.trim() === '') vectors[place] = normalised(new Float32Array(this.dimension));
      else inputs.push({ place, ...(await fitInput(text.toWellFormed(), this.options.facts)) });
    }
    const long = inputs.find(({ truncated }) => truncated);
    if (context.whole === true && long !== undefined) throw tooLong(long);
    if (context.meter !== undefined) context.meter.truncated += inputs.filter(({ truncated }) => truncated).length;
    const stop = new AbortController();
    const signal = context.signal === undefined ? stop.signal : AbortSignal.any([context.signal, stop.signal]);
    const waiting = this.batchesOf(inputs);
    const work = async (): Promise<void> => {
      for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift())
        await this.take(batch, vectors, { ...context, signal });
    };
    try {
      await Promise.all(Array.from({ length: Math.min(this.options.parallel, waiting.length) }, work));
    } finally {
      // One failed: the others are of no use any more.
      stop.abort();
    }
    return vectors;
  }

  private batchesOf(inputs: readonly Input[]): Input[][] {
    const { items, tokens } = this.options.facts;
    const batches: Input[][] = [];
    let open: Input[] = [];
    let size = 0;
    for (const input of inputs) {
      if (open.length >= items || (open.length > 0 && size + input.tokens > tokens)) {
        batches.push(open);
        open = [];
        size = 0;
      }
      open.push(input);
      size += input.tokens;
    }
    if (open.length > 0) batches.push(open);
    return batches;
  }

  /** Embeds a batch; one that the provider finds too long is halved, and a single text is cut. */
  private async take(batch: readonly Input[], vectors: Float32Array[], context: EmbedContext, cuts = 0): Promise<void> {
    const found = await this.ask(batch, context);
    if (!(found instanceof EmbeddingFault)) {
      batch.forEach(({ place }, at) => (vectors[place] = found[at] ?? new Float32Array()));
      return;
    }
    const [only] = batch;
    if (batch.length > 1) {
      const middle = Math.ceil(batch.length / 2);
      await this.take(batch.slice(0, middle), vectors, context);
      await this.take(batch.slice(middle), vectors, context);
    } else await this.takeCut(only, found, vectors, context, cuts);
  }

  /** A single text that the provider finds too long, cut to three quarters, unless it must stay whole. */
  private async takeCut(
    only: Input | undefined,
    fault: EmbeddingFault,
    vectors: Float32Array[],
    context: EmbedContext,
    cuts: number,
  ): Promise<void> {
    if (only !== undefined && context.whole === true) throw tooLong(only);
    if (only === undefined || cuts >= MOST_CUTS || only.text.length < 2) throw this.errorOf(fault);
    if (!only.truncated && context.meter !== undefined) context.meter.truncated += 1;
    await this.take([{ ...only, text: firstPart(only.text, 0.75), truncated: true }], vectors, context, cuts + 1);
  }

  /** One outbound call. A fault that says "too long" is returned, any other failure thrown as it is told to callers. */
  private async ask(batch: readonly Input[], context: EmbedContext): Promise<Float32Array[] | EmbeddingFault> {
    const { wire, outbound, timeoutMs } = this.options;
    const call: OutboundCall & { readonly retryAfterMs: (error: unknown) => number | undefined } = {
      tenantId: context.tenantId,
      integration: wire.integration,
      retryable: (error) => error instanceof EmbeddingFault && isPassing(error),
      counts: (error) => !(error instanceof EmbeddingFault) || error.kind === 'failing',
      retryAfterMs: (error) => (error instanceof EmbeddingFault ? error.retryAfterMs : undefined),
      ...(context.signal === undefined ? {} : { signal: context.signal }),
      ...(timeoutMs === undefined ? {} : { options: { timeoutMs } }),
    };
    const texts = batch.map(({ text }) => text);
    try {
      return await outbound.call(call, async (signal) => {
        const answer = await wire.request(texts, context.purpose ?? 'document', signal);
        if (context.meter !== undefined) {
          context.meter.requests += 1;
          context.meter.truncated += answer.truncated;
          context.meter.tokens += answer.tokens ?? batch.reduce((sum, { tokens }) => sum + tokens, 0);
        }
        return this.checked(answer, batch.length);
      });
    } catch (error) {
      if (!(error instanceof EmbeddingFault)) throw error;
      if (error.tooLong) return error;
      throw this.errorOf(error);
    }
  }

  private errorOf(fault: EmbeddingFault): Error {
    const { provider, model } = this.options.choice;
    return fault.toError({ provider, model });
  }

  /** A vector of another space, or one that is no direction, must never be stored or compared. */
  private checked({ vectors }: EmbeddingAnswer, count: number): Float32Array[] {
    if (vectors.length !== count)
      throw new EmbeddingFault('invalid', new Error(`${vectors.length} vectors of ${count}`));
    return vectors.map((values) => {
      if (values.length !== this.dimension)
        throw new EmbeddingFault('dimension', new Error(`${values.length} dimensions in place of ${this.dimension}`));
      const vector = Float32Array.from(values);
      if (!vector.every(Number.isFinite)) throw new EmbeddingFault('invalid', new Error('a value is not finite'));
      return normalised(vector);
    });
  }
}

/** A limit passes when its provider says when. */
const isPassing = ({ kind, retryAfterMs }: EmbeddingFault): boolean =>
  kind === 'failing' || (kind === 'rateLimited' && retryAfterMs !== undefined);

const tooLong = ({ place }: Input): CatalogueError => new CatalogueError(embeddingErrors.tooLong, { index: place });
