import OpenAI, { APIConnectionError, APIError } from 'openai';
import type { EmbeddingCreateParams, CreateEmbeddingResponse } from 'openai/resources/embeddings';
import { retryAfterMs } from '#infra/shared-state/retry-after.js';
import { EmbeddingFault, faultOfStatus } from './embedding-errors.js';
import type { EmbeddingAnswer, EmbeddingWire, Purpose } from './remote-embedder.js';

export interface OpenAiWireOptions {
  readonly baseUrl: string;
  /** Undefined for a server of one's own that asks for none. */
  readonly apiKey: string | undefined;
  readonly model: string;
  /** Asked for by name; undefined leaves it to the model. */
  readonly dimensions: number | undefined;
  readonly encoding: 'float' | 'base64';
}

/** OpenAI, or any server that speaks its embeddings API (Ollama, vLLM, TEI), through the official client. */
export class OpenAiWire implements Pick<EmbeddingWire, 'request'> {
  private readonly client: OpenAI;

  constructor(private readonly options: OpenAiWireOptions) {
    this.client = new OpenAI({
      baseURL: options.baseUrl,
      apiKey: options.apiKey ?? 'none',
      ...(options.apiKey === undefined ? { defaultHeaders: { Authorization: null } } : {}),
      organization: null,
      project: null,
      // Repetition, deadlines and breakers are `Outbound`'s.
      maxRetries: 0,
      timeout: 600_000,
      logLevel: 'off',
    });
  }

  async request(texts: readonly string[], _purpose: Purpose, signal: AbortSignal): Promise<EmbeddingAnswer> {
    const { model, dimensions, encoding } = this.options;
    const asked: EmbeddingCreateParams = {
      model,
      input: [...texts],
      encoding_format: encoding,
      ...(dimensions === undefined ? {} : { dimensions }),
    };
    return answerOf(await this.client.embeddings.create(asked, { signal }).catch(refused));
  }
}

function refused(error: unknown): never {
  if (error instanceof APIConnectionError) throw new EmbeddingFault('failing', error);
  if (error instanceof APIError && typeof error.status === 'number') {
    const headers = error.headers as Headers | undefined;
    const wait = retryAfterMs(headers?.get('retry-after'));
    throw faultOfStatus(error.status, error.message, error, wait);
  }
  throw new EmbeddingFault('failing', error);
}

/** What came back with a 200 may still be anything. Texts are put in order by their index, as the API promises no other. */
function answerOf(response: unknown): EmbeddingAnswer {
  const { data, usage } = (response ?? {}) as Partial<CreateEmbeddingResponse>;
  if (!Array.isArray(data)) throw new EmbeddingFault('failing', new Error('the answer holds no vectors'));
  const vectors = new Array<ArrayLike<number>>(data.length);
  for (const [at, item] of data.entries()) {
    const { embedding, index = at } = item as { readonly embedding?: unknown; readonly index?: number };
    vectors[index] = numbersOf(embedding);
  }
  const tokens = usage?.prompt_tokens;
  return { vectors, tokens: typeof tokens === 'number' && tokens > 0 ? tokens : undefined, truncated: 0 };
}

/** Numbers, or little-endian 32-bit floats in base64: some servers answer with numbers whatever was asked for. */
function numbersOf(embedding: unknown): ArrayLike<number> {
  if (Array.isArray(embedding)) return embedding.map((value) => (typeof value === 'number' ? value : Number.NaN));
  if (typeof embedding !== 'string') throw new EmbeddingFault('failing', new Error('an item holds no vector'));
  const bytes = Buffer.from(embedding, 'base64');
  const vector = new Float32Array(bytes.length >> 2);
  for (let at = 0; at < vector.length; at++) vector[at] = bytes.readFloatLE(at * 4);
  return vector;
}
