import { embeddings } from '#domain/capabilities/embeddings/embeddings.decider.js';
import type { EmbeddingChoice } from '#domain/kernel/embedding.js';
import { CatalogueError, type ErrorRow } from '#domain/kernel/errors.js';
import { estimatedTokens } from '#domain/kernel/text/tokens.js';
import type { Commands } from '#api/commands/commands.js';
import type { CallerContext } from '#api/http/caller.js';
import { invalid } from '#api/http/errors.js';
import { newMeter } from '#infra/adapters/embedding/embedder.js';
import { embeddingErrors } from '#infra/adapters/embedding/embedding-errors.js';
import type { Embedders } from '#infra/adapters/embedding/embedders.js';
import { outboundErrors } from '#infra/shared-state/outbound.js';
import { textOfTokens } from '#infra/adapters/embedding/input-limit.js';
import type { EmbeddingInput, EmbeddingList, EmbeddingsRequest } from './embeddings.contract.js';
import { openAiErrors } from './openai.contract.js';

/** Most numbers of one answer; numbers in JSON take four times the bytes of base64. */
const MOST_VALUES = { float: 1_000_000, base64: 2_048 * 1_536 };

const BYTES_PER_VALUE = 4;

type Tokens = readonly number[];

/** What callers are told of a model that gives no vectors; what is for its operator's eyes is `EMBEDDING_FAILED`. */
export const embeddingFailures: readonly ErrorRow[] = [
  embeddingErrors.tooLong,
  embeddingErrors.rateLimited,
  embeddingErrors.failing,
  ...Object.values(outboundErrors),
  openAiErrors.embeddingFailed,
];

/** Makes vectors for callers, with the models that corpora may have. */
export class Embeddings {
  constructor(
    private readonly embedders: Embedders,
    private readonly commands: Commands,
  ) {}

  async create(body: EmbeddingsRequest, caller: CallerContext, signal: AbortSignal): Promise<EmbeddingList> {
    const choice = this.choiceOf(body);
    const texts = await textsOf(body.input);
    const encoding = body.encoding_format ?? 'float';
    refuseTooMany(texts.length * choice.dimension, encoding);
    const meter = newMeter();
    const context = { tenantId: caller.tenantId, signal, meter, whole: true } as const;
    const vectors = await this.embedders.of(choice).embed(texts, context).catch(failed);
    if (meter.truncated > 0) throw new CatalogueError(embeddingErrors.tooLong);
    const tokens = meter.tokens > 0 ? meter.tokens : estimatedTokens(texts);
    await this.record(choice, { inputs: texts.length, tokens, tokensEstimated: meter.tokens === 0 }, caller);
    return {
      object: 'list',
      data: vectors.map((vector, index) => ({ object: 'embedding', index, embedding: encoded(vector, encoding) })),
      model: choice.model,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    };
  }

  private choiceOf({ model, dimensions }: EmbeddingsRequest): EmbeddingChoice {
    const offered = this.embedders.offered();
    const found = offered.find((choice) => choice.model === model || `${choice.provider}/${choice.model}` === model);
    if (found === undefined) {
      const names = [...new Set(offered.map((choice) => choice.model))];
      throw new CatalogueError(openAiErrors.embeddingModelNotFound, { param: 'model', offered: names });
    }
    if (dimensions === undefined || dimensions === null || dimensions === found.dimension) return found;
    return this.resized(found, dimensions);
  }

  /** Models of the process itself have one length: each other one would be another model that stays in memory. */
  private resized(choice: EmbeddingChoice, dimension: number): EmbeddingChoice {
    try {
      const resized = this.embedders.resolve({ ...choice, dimension });
      if (!this.embedders.of(choice).local) return resized;
    } catch (error) {
      if (!(error instanceof CatalogueError && error.row === embeddingErrors.unknownModel)) throw error;
    }
    throw wrong('dimensions', `must be one that the model makes, such as ${choice.dimension}`);
  }

  private async record(
    { provider, model, dimension }: EmbeddingChoice,
    made: { readonly inputs: number; readonly tokens: number; readonly tokensEstimated: boolean },
    caller: CallerContext,
  ): Promise<void> {
    const { newId: requestId } = caller.facts;
    const data = { requestId, provider, model, dimension, ...made };
    await this.commands.run(embeddings, requestId, { type: 'RecordEmbeddings', data }, caller);
  }
}

function failed(error: unknown): never {
  if (!(error instanceof CatalogueError) || embeddingFailures.includes(error.row)) throw error;
  throw new CatalogueError(openAiErrors.embeddingFailed, { cause_code: error.row.code }, { cause: error });
}

/** Each input as a text: clients that count tokens themselves send those. */
async function textsOf(input: EmbeddingInput): Promise<readonly string[]> {
  if (typeof input === 'string') return [input];
  const items = input as readonly (string | number | readonly number[])[];
  if (typeof items[0] === 'number') return [await textOfTokens(items as Tokens)];
  return Promise.all(items.map(async (item) => (typeof item === 'string' ? item : textOfTokens(item as Tokens))));
}

function encoded(vector: Float32Array, encoding: 'float' | 'base64'): string | readonly number[] {
  if (encoding === 'float') return [...vector];
  const bytes = Buffer.alloc(vector.length * BYTES_PER_VALUE);
  vector.forEach((value, at) => bytes.writeFloatLE(value, at * BYTES_PER_VALUE));
  return bytes.toString('base64');
}

function refuseTooMany(values: number, encoding: 'float' | 'base64'): void {
  const most = MOST_VALUES[encoding];
  if (values > most) throw wrong('input', `must be fewer: its vectors would hold more than ${most} numbers in all`);
}

const wrong = (field: string, msg: string): CatalogueError =>
  invalid([{ type: 'value_error', loc: ['body', field], msg }]);
