import { isEmbeddingProvider, type EmbeddingChoice, type EmbeddingProvider } from '#domain/kernel/embedding.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Config } from '#infra/config/config.js';
import { namedModel } from '#infra/config/providers.js';
import type { Outbound } from '#infra/shared-state/outbound.js';
import { embeddingErrors } from './embedding-errors.js';
import type { EmbedContext, Embedder } from './embedder.js';
import { FakeEmbedder } from './fake-embedder.js';
import { HashingEmbedder } from './hashing-embedder.js';
import {
  choiceOfSpace,
  FAKE_DIMENSION,
  FAKE_MODEL,
  HASHING_DIMENSION,
  HASHING_MODEL,
  LONGEST_DIMENSION,
  modelFacts,
  spaceNameOf,
  type ModelFacts,
} from './models.js';
import { RemoteEmbedder, type EmbeddingWire } from './remote-embedder.js';
import { ThreadedEmbedder, type TextEmbedding } from './threaded-embedder.js';

export type EmbeddersConfig = Pick<Config, 'providers' | 'embedding'>;

/** A choice that leaves to us what it does not say. */
export interface AskedEmbedding {
  readonly provider: string;
  readonly model?: string | undefined;
  readonly dimension?: number | undefined;
}

const OPENAI = 'https://api.openai.com/v1';
const SHORTEST_HASHED = 8;

/** Every embedder that this process may use, each made when it is first asked for. */
export class Embedders {
  /** What new corpora get. */
  readonly default: EmbeddingChoice;
  private readonly made = new Map<string, Embedder>();

  constructor(
    private readonly config: EmbeddersConfig,
    private readonly outbound: Outbound,
    private readonly texts?: TextEmbedding,
  ) {
    const { EMBEDDING_PROVIDER: provider, EMBEDDING_DIMENSION: dimension } = config.embedding;
    this.default = this.resolve({ provider, ...(dimension === 0 ? {} : { dimension }) });
  }

  /** The models that a corpus may choose as they are: the configured ones of each provider. */
  offered(): readonly EmbeddingChoice[] {
    const further = this.config.embedding.EMBEDDING_MODELS.map(namedModel).filter((named) => named !== undefined);
    const all = [
      this.default,
      ...(['hashing', 'fake', 'openai', 'vertex'] as const)
        .filter((provider) => this.configured(provider))
        .map((provider) => this.filled(provider, this.modelOf(provider), undefined)),
      ...further.map(({ provider, ...rest }) => ({ provider: provider as EmbeddingProvider, ...rest })),
    ].filter((choice) => choice !== undefined);
    return [...new Map(all.map((choice) => [`${spaceNameOf(choice)}\n${choice.dimension}`, choice])).values()];
  }

  /** The choice in full. Throws `embeddingErrors.unknownModel` for one that is not offered. */
  resolve(asked: AskedEmbedding): EmbeddingChoice {
    const { provider } = asked;
    if (!isEmbeddingProvider(provider)) throw unknown(asked, 'the provider is unknown');
    const model = asked.model ?? this.modelOf(provider);
    const further = this.config.embedding.EMBEDDING_MODELS.map(namedModel).filter(
      (named) => named?.provider === provider && named.model === model,
    );
    if (model !== this.modelOf(provider) && further.length === 0) throw unknown(asked, 'the model is not offered');
    const choice = this.filled(provider, model, asked.dimension ?? further[0]?.dimension);
    if (choice === undefined) throw unknown(asked, 'the dimension of this model must be given');
    const listed = further.map((named) => named?.dimension);
    if (!this.mayBe(choice, listed)) throw unknown(asked, 'the model does not make vectors of this dimension');
    return choice;
  }

  of(choice: EmbeddingChoice): Embedder {
    const key = `${spaceNameOf(choice)}\n${choice.dimension}`;
    const found = this.made.get(key);
    if (found !== undefined) return found;
    const embedder = this.make(choice);
    this.made.set(key, embedder);
    return embedder;
  }

  /** The embedder whose vectors a space holds. */
  ofSpace(name: string, dimension: number): Embedder {
    const choice = choiceOfSpace(name, dimension);
    if (choice === undefined) throw new CatalogueError(embeddingErrors.unconfigured, { space: name });
    return this.of(choice);
  }

  private modelOf(provider: EmbeddingProvider): string {
    const { OPENAI_EMBEDDING_MODEL, VERTEX_EMBEDDING_MODEL } = this.config.embedding;
    const models = {
      hashing: HASHING_MODEL,
      fake: FAKE_MODEL,
      openai: OPENAI_EMBEDDING_MODEL,
      vertex: VERTEX_EMBEDDING_MODEL,
    };
    return models[provider];
  }

  private filled(provider: EmbeddingProvider, model: string, asked: number | undefined): EmbeddingChoice | undefined {
    const ownOnes = { hashing: HASHING_DIMENSION, fake: FAKE_DIMENSION };
    const own =
      provider === 'hashing' || provider === 'fake' ? ownOnes[provider] : modelFacts(provider, model).dimension;
    const isDefault = provider === this.config.embedding.EMBEDDING_PROVIDER && model === this.modelOf(provider);
    const configured = isDefault ? this.config.embedding.EMBEDDING_DIMENSION : 0;
    const dimension = asked ?? (configured === 0 ? own : configured);
    return dimension === undefined ? undefined : { provider, model, dimension };
  }

  /** A dimension that is neither the model's own nor one that it can be asked for would fail at every call. */
  private mayBe({ provider, model, dimension }: EmbeddingChoice, listed: readonly (number | undefined)[]): boolean {
    if (dimension < 1 || dimension > LONGEST_DIMENSION) return false;
    if (provider === 'hashing') return dimension >= SHORTEST_HASHED;
    if (provider === 'fake') return dimension === FAKE_DIMENSION;
    const { dimension: own, resizable } = modelFacts(provider, model);
    if (listed.includes(dimension) || own === dimension) return true;
    return own === undefined ? listed.length === 0 : resizable && dimension < own;
  }

  private configured(provider: EmbeddingProvider): boolean {
    const { providers, embedding } = this.config;
    if (provider === 'openai')
      return (embedding.OPENAI_EMBEDDING_API_KEY ?? providers.OPENAI_API_KEY ?? this.openAiBase) !== undefined;
    return provider !== 'vertex' || providers.GOOGLE_CLOUD_PROJECT !== undefined;
  }

  private get openAiBase(): string | undefined {
    return this.config.embedding.OPENAI_EMBEDDING_BASE_URL ?? this.config.providers.OPENAI_BASE_URL;
  }

  private make(choice: EmbeddingChoice): Embedder {
    const { EMBEDDING_PARALLEL: parallel, EMBEDDING_TIMEOUT_MS: timeoutMs } = this.config.embedding;
    if (choice.provider === 'hashing') return this.hashing(choice.dimension);
    if (choice.provider === 'fake') return new FakeEmbedder();
    const facts = this.factsOf(choice.provider, choice.model);
    const wire = this.wireOf(choice, facts);
    if (wire === undefined) return unconfigured(choice);
    return new RemoteEmbedder({ choice, facts, wire, outbound: this.outbound, parallel, timeoutMs });
  }

  private hashing(dimension: number): Embedder {
    const own = new HashingEmbedder({ dimension });
    return this.texts === undefined ? own : new ThreadedEmbedder(own, this.texts);
  }

  private factsOf(provider: 'openai' | 'vertex', model: string): ModelFacts {
    const facts = modelFacts(provider, model);
    const { EMBEDDING_BATCH_ITEMS: items, EMBEDDING_INPUT_TOKENS: inputTokens } = this.config.embedding;
    return { ...facts, ...(items === 0 ? {} : { items }), ...(inputTokens === 0 ? {} : { inputTokens }) };
  }

  /** Undefined when what the provider needs is not configured. */
  private wireOf(choice: EmbeddingChoice, facts: ModelFacts): EmbeddingWire | undefined {
    return choice.provider === 'vertex' ? this.vertexWire(choice, facts) : this.openAiWire(choice, facts);
  }

  private openAiWire({ model, dimension }: EmbeddingChoice, facts: ModelFacts): EmbeddingWire | undefined {
    const { providers, embedding } = this.config;
    const apiKey = (embedding.OPENAI_EMBEDDING_API_KEY ?? providers.OPENAI_API_KEY)?.reveal();
    if (apiKey === undefined && this.openAiBase === undefined) return undefined;
    const asks = { auto: facts.resizable && facts.dimension !== dimension, always: true, never: false };
    const baseUrl = this.openAiBase ?? OPENAI;
    const options = {
      baseUrl,
      apiKey,
      model,
      dimensions: asks[embedding.OPENAI_EMBEDDING_DIMENSIONS] ? dimension : undefined,
      encoding: embedding.OPENAI_EMBEDDING_ENCODING,
    };
    return lazily(`embedding.openai ${new URL(baseUrl).host}`, async () => {
      const { OpenAiWire } = await import('./openai-wire.js');
      return new OpenAiWire(options);
    });
  }

  private vertexWire({ model, dimension }: EmbeddingChoice, facts: ModelFacts): EmbeddingWire | undefined {
    const { GOOGLE_CLOUD_PROJECT: project, GOOGLE_CLOUD_LOCATION: location } = this.config.providers;
    if (project === undefined || location === undefined) return undefined;
    const options = {
      project,
      location,
      model,
      credentialsFile: this.config.providers.GOOGLE_APPLICATION_CREDENTIALS,
      endpoint: this.config.embedding.VERTEX_EMBEDDING_BASE_URL,
      dimensions: facts.dimension === dimension ? undefined : dimension,
    };
    return lazily(`embedding.vertex ${project}/${location}`, async () => {
      const { VertexWire } = await import('./vertex-wire.js');
      return new VertexWire(options);
    });
  }
}

/** The vendor's client is loaded at the first request: who uses none pays for none. */
function lazily(integration: string, open: () => Promise<Pick<EmbeddingWire, 'request'>>): EmbeddingWire {
  let opening: Promise<Pick<EmbeddingWire, 'request'>> | undefined;
  return {
    integration,
    request: async (texts, purpose, signal) => {
      opening ??= open();
      return (await opening).request(texts, purpose, signal);
    },
  };
}

function unknown(asked: AskedEmbedding, reason: string): CatalogueError {
  return new CatalogueError(embeddingErrors.unknownModel, { ...asked, reason });
}

/** In place of a provider whose account is missing: the space stays what it is, and every call says why it fails. */
function unconfigured(choice: EmbeddingChoice): Embedder {
  return {
    model: spaceNameOf(choice),
    dimension: choice.dimension,
    local: false,
    embed: async (_texts: readonly string[], { signal }: EmbedContext) => {
      signal?.throwIfAborted();
      throw new CatalogueError(embeddingErrors.unconfigured, { provider: choice.provider, model: choice.model });
    },
  };
}
