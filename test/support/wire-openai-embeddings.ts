import { HashingEmbedder } from '#infra/adapters/embedding/hashing-embedder.js';
import { WireServer, type WireAnswer, type WireRequest } from './wire-server.js';

/** What the next answers with a 200 have wrong in them. */
export type Flaw = 'dimension' | 'nan' | 'few' | 'text';

interface Asked {
  readonly model: string;
  readonly input: string | readonly string[];
  readonly encoding_format?: 'float' | 'base64';
  readonly dimensions?: number;
}

export interface OpenAiEmbeddingsOptions {
  /** The key that is asked for; none when undefined. */
  readonly key?: string;
  /** Each model and the length of its vectors. */
  readonly models?: Readonly<Record<string, number>>;
  /** Most characters of all inputs of one request, and most inputs; more is refused as OpenAI and TEI do. */
  readonly mostCharacters?: number;
  readonly mostInputs?: number;
}

/** A local server of OpenAI's embeddings API. A text always has the same vector, and texts alike are near each other. */
export class OpenAiEmbeddings {
  /** One is taken by each answer. */
  readonly flaws: Flaw[] = [];
  /** Every text for which a vector was given, in order. */
  readonly embedded: string[] = [];

  /** Answers wait for it. */
  held: Promise<void> | undefined;
  /** Requests that were in hand at the same time, at most. */
  mostAtOnce = 0;
  private inHand = 0;

  private constructor(
    readonly server: WireServer,
    private readonly options: OpenAiEmbeddingsOptions,
  ) {}

  static async open(options: OpenAiEmbeddingsOptions = {}): Promise<OpenAiEmbeddings> {
    const holder: { opened?: OpenAiEmbeddings } = {};
    const server = await WireServer.open({
      'POST /v1/embeddings': (request) => holder.opened?.counted(request) ?? { status: 503, json: {} },
    });
    holder.opened = new OpenAiEmbeddings(server, options);
    return holder.opened;
  }

  get baseUrl(): string {
    return `${this.server.url}/v1`;
  }

  /** The bodies of the requests, in order. */
  get asked(): readonly Asked[] {
    return this.server.requests.map(({ json }) => json as Asked);
  }

  async close(): Promise<void> {
    await this.server.close();
  }

  private async counted(request: WireRequest): Promise<WireAnswer> {
    this.inHand += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.inHand);
    // Whoever else was sent by now comes in between.
    await new Promise((resolve) => setImmediate(resolve));
    this.inHand -= 1;
    await this.held;
    return this.answer(request);
  }

  private async answer({ headers, json }: WireRequest): Promise<WireAnswer> {
    const { key, models = { 'text-embedding-3-small': 1_536 } } = this.options;
    if (key !== undefined && headers.authorization !== `Bearer ${key}`)
      return refusal(401, 'Incorrect API key provided.', 'invalid_api_key');
    const { model, input, encoding_format: encoding = 'float', dimensions } = json as Asked;
    const own = models[model];
    if (own === undefined) return refusal(404, `The model \`${model}\` does not exist.`, 'model_not_found');
    const texts = typeof input === 'string' ? [input] : input;
    const problem = this.problemOf(texts);
    if (problem !== undefined) return problem;
    return this.vectors(texts, model, dimensions ?? own, encoding);
  }

  private problemOf(texts: readonly string[]): WireAnswer | undefined {
    const { mostCharacters = Infinity, mostInputs = Infinity } = this.options;
    if (texts.some((text) => text === '')) return refusal(400, "'$.input' is invalid.", null);
    const characters = texts.reduce((sum, text) => sum + text.length, 0);
    if (texts.length > mostInputs)
      return refusal(422, `batch size ${texts.length} > maximum allowed batch size ${mostInputs}`, null);
    if (characters <= mostCharacters) return undefined;
    const told = `This model's maximum context length is ${mostCharacters} tokens, however you requested ${characters} tokens.`;
    return refusal(400, told, null);
  }

  private async vectors(
    texts: readonly string[],
    model: string,
    dimension: number,
    encoding: string,
  ): Promise<WireAnswer> {
    const flaw = this.flaws.shift();
    const vectors = await new HashingEmbedder({ dimension: flaw === 'dimension' ? dimension - 1 : dimension }).embed(
      texts,
    );
    if (flaw === 'nan') vectors[0]?.fill(Number.NaN);
    if (flaw === 'few') vectors.pop();
    this.embedded.push(...texts);
    const data = vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: flaw === 'text' ? 42 : encoded(vector, encoding),
    }));
    const tokens = texts.reduce((sum, text) => sum + text.split(/\s+/u).length, 0);
    // In any order: the index tells which is which.
    return {
      json: { object: 'list', data: data.reverse(), model, usage: { prompt_tokens: tokens, total_tokens: tokens } },
    };
  }
}

function encoded(vector: Float32Array, encoding: string): unknown {
  if (encoding === 'float') return [...vector];
  const bytes = Buffer.alloc(vector.length * 4);
  vector.forEach((value, at) => bytes.writeFloatLE(value, at * 4));
  return bytes.toString('base64');
}

function refusal(status: number, message: string, code: string | null): WireAnswer {
  return { status, json: { error: { message, type: 'invalid_request_error', param: null, code } } };
}
