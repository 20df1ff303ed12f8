import type { Answerer } from '#infra/adapters/llm/answerer.js';
import { ChatModels } from '#infra/adapters/llm/chat-models.js';
import { ExtractiveAnswerer } from '#infra/adapters/llm/extractive-answerer.js';
import { LlmFailure } from '#infra/adapters/llm/llm-failure.js';
import { ModelAnswerer, type ModelAnswererOptions } from '#infra/adapters/llm/model-answerer.js';
import type { CountTokens } from '#infra/adapters/llm/prompt.js';
import type { Config } from '#infra/config/config.js';
import { bulkhead, modelChain, offeredModels } from '#infra/config/models.js';
import type { Outbound } from '#infra/shared-state/outbound.js';

/** Every model that this process may ask, each opened when it is first asked for. */
export function openModels({ llm, providers }: Pick<Config, 'llm' | 'providers'>): ChatModels {
  return new ChatModels({
    contextTokens: llm.LLM_CONTEXT_TOKENS,
    vertex: {
      project: providers.GOOGLE_CLOUD_PROJECT,
      location: providers.GOOGLE_CLOUD_LOCATION ?? 'us-central1',
      credentialsFile: providers.GOOGLE_APPLICATION_CREDENTIALS,
      endpoint: llm.VERTEX_BASE_URL,
      model: llm.GEMINI_MODEL,
    },
    openai: {
      apiKey: providers.OPENAI_API_KEY?.reveal(),
      baseUrl: providers.OPENAI_BASE_URL,
      model: llm.OPENAI_MODEL,
    },
  });
}

/** Within which bounds a model is called. */
export function modelBounds({
  llm,
  run,
}: Pick<Config, 'llm' | 'run'>): Pick<ModelAnswererOptions, 'deadlines' | 'concurrency'> {
  return {
    deadlines: {
      firstMs: llm.LLM_FIRST_TOKEN_TIMEOUT_MS,
      idleMs: llm.LLM_IDLE_TIMEOUT_MS,
      totalMs: llm.VERTEX_STREAM_TIMEOUT_S * 1_000,
    },
    concurrency: bulkhead(run.RUN_BULKHEAD_MAX_CONCURRENCY, run.RUN_MAX_CONCURRENCY),
  };
}

/** The models that are configured, asked in their order. */
export function openAnswerer(config: Config, outbound: Outbound, warn: (message: string) => void): Answerer {
  const { llm } = config;
  const models = openModels(config);
  const offered = offeredModels(llm);
  return new ModelAnswerer({
    modelOf: (name) => (offered.has(name) ? models.of(name) : undefined),
    chain: modelChain(llm),
    maxOutputTokens: llm.LLM_MAX_OUTPUT_TOKENS,
    temperature: llm.LLM_TEMPERATURE === undefined ? undefined : Number(llm.LLM_TEMPERATURE),
    ...modelBounds(config),
    fallback: llm.LLM_FALLBACK === 'extractive' ? new ExtractiveAnswerer() : undefined,
    outbound,
    tokenizer: loadTokenizer,
    onFailure: (model, error) => {
      // A server without a model says so once, in its health, not at each question.
      if (error instanceof LlmFailure && error.kind === 'unconfigured') return;
      warn(`${model}: ${error instanceof Error ? error.message : 'the model failed'}`);
    },
  });
}

let tokenizer: Promise<CountTokens> | undefined;

/** Its tables are large, and few prompts need them. */
function loadTokenizer(): Promise<CountTokens> {
  return (tokenizer ??= import('gpt-tokenizer').then(
    ({ countTokens }) =>
      (text) =>
        countTokens(text),
  ));
}
