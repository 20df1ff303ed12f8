import { sameEmbedding, type EmbeddingChoice } from '#domain/kernel/embedding.js';
import { retrievalSettings } from '#domain/kernel/retrieval/retrieval-settings.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import type { Embedder } from '#infra/adapters/embedding/embedder.js';
import { EXTRACTIVE } from '#infra/adapters/llm/extractive-answerer.js';
import { generationOf } from '#infra/adapters/llm/generation.js';
import { isIllness, LlmFailure } from '#infra/adapters/llm/llm-failure.js';
import { namedStores } from '#infra/adapters/retrieval/external-stores.js';
import { silence } from '#infra/adapters/speech/silence.js';
import { modelChain, offeredModels } from '#infra/config/models.js';
import { namedModel } from '#infra/config/providers.js';
import { modelBounds, openModels } from './models.js';
import type { Platform } from './platform.js';
import { ProbeRefused, type Hit, type Probe } from './provider-probe.js';
import { openReranker } from './retrieval.js';
import { openSpeaker, openTranscriber } from './speech.js';

/** A corpus whose providers are to be called, and what it is asked. */
export interface ProbedCorpus {
  readonly tenantId: string;
  readonly corpusId: string;
  readonly providerConfig: JsonObject;
}

export interface ProbeQuestion {
  readonly query: string;
  readonly k: number;
}

const SHOWN = 120;

/** A call to each provider that a corpus is asked with: where its passages come from, and what answers. */
export async function probesOfCorpus(
  platform: Platform,
  { tenantId, corpusId, providerConfig }: ProbedCorpus,
  question: ProbeQuestion,
): Promise<readonly Probe[]> {
  const { provider, rerank } = retrievalSettings(providerConfig);
  const { chain } = generationOf(providerConfig['generation'] as JsonObject | undefined);
  const isLocal = provider === 'local_pgvector';
  const embedder = isLocal ? await platform.embeddings.serving(tenantId, corpusId) : undefined;
  const looks = rerank !== undefined ? rerank !== false : platform.config.retrieval.RERANK_URL !== undefined;
  return [
    retrievalProbe(platform, { tenantId, corpusId, providerConfig }, question),
    ...(embedder === undefined ? [] : [embeddingProbe(embedder, tenantId)]),
    ...(looks ? [rerankProbe(platform, tenantId, rerank === false ? {} : (rerank ?? {}))] : []),
    ...(chain ?? modelChain(platform.config.llm)).flatMap((name) => modelProbe(platform, tenantId, name, true)),
  ];
}

/** A call to each provider that is configured, for no tenant; a store outside for the one that may search it. */
export function probesOfConfig(platform: Platform, question: ProbeQuestion): readonly Probe[] {
  const { llm, retrieval, speech } = platform.config;
  const asked = new Set([...llm.LLM_CHAIN, ...llm.LLM_MODELS]);
  return [
    ...namedStores(retrieval.EXTERNAL_STORES_ALLOWED).map(({ tenantId, retrieval: store }) =>
      retrievalProbe(
        platform,
        {
          tenantId: tenantId === '*' ? SYSTEM_TENANT : tenantId,
          corpusId: 'smoke',
          providerConfig: { retrieval: store },
        },
        question,
      ),
    ),
    ...configuredEmbeddings(platform).map((choice) => embeddingProbe(platform.embedders.of(choice), SYSTEM_TENANT)),
    ...(retrieval.RERANK_URL === undefined ? [] : [rerankProbe(platform, SYSTEM_TENANT, {})]),
    ...[...offeredModels(llm)].flatMap((name) => modelProbe(platform, SYSTEM_TENANT, name, asked.has(name))),
    ...(speech.TTS_PROVIDER === 'none' ? [] : [speechProbe(platform)]),
    ...(speech.STT_PROVIDER === 'none' ? [] : [transcriptionProbe(platform)]),
  ];
}

/** What new corpora get, and what is listed beside it; a corpus may choose more, which nobody is known to want. */
function configuredEmbeddings({ embedders, config }: Platform): readonly EmbeddingChoice[] {
  const listed = config.embedding.EMBEDDING_MODELS.map(namedModel);
  const isWanted = ({ provider, model }: EmbeddingChoice): boolean =>
    listed.some((named) => named?.provider === provider && named.model === model);
  const others = embedders.offered().filter((choice) => !sameEmbedding(choice, embedders.default) && isWanted(choice));
  return [embedders.default, ...others];
}

function retrievalProbe(platform: Platform, corpus: ProbedCorpus, { query, k }: ProbeQuestion): Probe {
  const { provider = 'unknown', options } = retrievalSettings(corpus.providerConfig);
  const store = options['knowledge_base_id'] ?? options['resource_id'];
  return {
    kind: 'retrieval',
    name: typeof store === 'string' ? `${provider} ${store}` : provider,
    call: async (signal) => {
      const { passages } = await platform.retrieval.search({ ...corpus, query, k, rerank: false, signal });
      return passages.map(({ score, source, text }): Hit => ({ score, source, text: text.slice(0, SHOWN) }));
    },
  };
}

function embeddingProbe(embedder: Embedder, tenantId: string): Probe {
  return {
    kind: 'embedding',
    name: `${embedder.model} ${embedder.dimension}`,
    call: async (signal) => {
      await embedder.embed(['ping'], { tenantId, signal, purpose: 'query' });
      return [];
    },
  };
}

function rerankProbe(
  platform: Platform,
  tenantId: string,
  asked: { readonly url?: string; readonly model?: string },
): Probe {
  const reranker = openReranker(platform.config, platform.outbound);
  return {
    kind: 'rerank',
    name: reranker.modelOf(asked) ?? 'rerank',
    call: async (signal) => {
      const judged = await reranker.rerank({ tenantId, query: 'ping', texts: ['ping', 'pong'], ...asked, signal });
      if (typeof judged !== 'string') return [];
      const isOurs = judged === 'rerank_unconfigured' || judged === 'rerank_not_allowed';
      throw new ProbeRefused(judged.toUpperCase(), isOurs ? 'config' : 'provider');
    },
  };
}

/** The first text, or thought, is enough: the call ends with it. A model that only the defaults name is skipped without an account. */
function modelProbe(platform: Platform, tenantId: string, name: string, isNamed: boolean): readonly Probe[] {
  if (name === EXTRACTIVE.provider) return [];
  const model = offeredModels(platform.config.llm).has(name) ? openModels(platform.config).of(name) : undefined;
  if (model === undefined && !isNamed) return [{ kind: 'llm', name, call: undefined }];
  const call = async (signal: AbortSignal): Promise<readonly Hit[]> => {
    if (model === undefined) throw new LlmFailure('unconfigured');
    const { deadlines, concurrency } = modelBounds(platform.config);
    const prompt = {
      system: 'Answer with one word.',
      turns: [{ role: 'user', content: 'Say ok.' } as const],
      maxOutputTokens: 16,
      temperature: undefined,
    };
    const asked = {
      ...{ tenantId, integration: model.integration, signal, counts: isIllness },
      options: { attempts: 1, concurrency, queue: concurrency },
    };
    for await (const part of platform.outbound.stream(asked, deadlines, (each) => model.stream(prompt, each)))
      if (!('end' in part)) return [];
    throw new LlmFailure('incomplete');
  };
  return [{ kind: 'llm', name, call }];
}

const modelName = ({ provider, model }: { readonly provider: string; readonly model: string | null }): string =>
  model === null ? provider : `${provider}:${model}`;

function speechProbe({ config, outbound }: Platform): Probe {
  const speaker = openSpeaker(config, outbound);
  return {
    kind: 'tts',
    name: modelName(speaker),
    call: async (signal) => {
      await speaker.speak({ tenantId: SYSTEM_TENANT, text: 'ok', signal });
      return [];
    },
  };
}

/** Half a second of silence, which any model can read and in which none has to hear anything. */
function transcriptionProbe({ config, outbound }: Platform): Probe {
  const transcriber = openTranscriber(config, outbound);
  return {
    kind: 'stt',
    name: modelName(transcriber),
    call: async (signal) => {
      await transcriber.transcribe({ tenantId: SYSTEM_TENANT, audio: silence(0.5), signal });
      return [];
    },
  };
}
