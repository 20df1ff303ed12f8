import { defineConfig } from './define-config.js';
import { boolean, int, list, oneOf, string, url } from './fields.js';

const HTTP = ['http://', 'https://'];

/** What answers questions. */
export const llmArea = defineConfig('llm', 'Which models answer questions, and within which bounds.', {
  LLM_PROVIDER: oneOf(
    'The provider of the model that is asked: Gemini on Vertex AI, a server that speaks the API of OpenAI, the fixed sentence of the contract, or none, so that passages are quoted.',
    ['vertex', 'openai', 'fake', 'extractive'],
    'vertex',
  ),
  LLM_CHAIN: list(
    'Models that are asked one after the other until one begins to answer, as provider or provider:model; LLM_PROVIDER alone by default.',
  ),
  LLM_MODELS: list('Further models that a corpus may choose, as provider:model.'),
  LLM_FALLBACK: oneOf(
    'What answers when no model does: passages of the sources, or an error.',
    ['extractive', 'error'],
    'extractive',
  ),
  OPENAI_MODEL: string('The model of the OpenAI-compatible server.', 'gpt-4o-mini'),
  GEMINI_MODEL: string('The model of Vertex AI.', 'gemini-2.0-flash-001'),
  VERTEX_BASE_URL: url("A service endpoint in place of the location's own.", HTTP),
  LLM_FIRST_TOKEN_TIMEOUT_MS: int('How long the first text of an answer may take, over all attempts at one model.', {
    default: 20_000,
    min: 10,
    max: 600_000,
    unit: 'ms',
  }),
  LLM_IDLE_TIMEOUT_MS: int('How long the next text of an answer may take.', {
    default: 15_000,
    min: 10,
    max: 600_000,
    unit: 'ms',
  }),
  VERTEX_STREAM_TIMEOUT_S: int('How long a whole answer may take, of any provider.', {
    default: 90,
    min: 1,
    max: 3_600,
    unit: 's',
  }),
  LLM_MAX_OUTPUT_TOKENS: int('The longest answer.', { default: 1_024, min: 1, max: 1_000_000, unit: 'tokens' }),
  LLM_CONTEXT_TOKENS: int('The window of the models: prompt and answer together.', {
    default: 32_000,
    min: 1_000,
    max: 10_000_000,
    unit: 'tokens',
  }),
  LLM_TEMPERATURE: string("From 0 to 2; the provider's own by default."),
});

/** The models that are asked unless a corpus chooses: LLM_CHAIN, or the one provider. */
export function modelChain(llm: {
  readonly LLM_CHAIN: readonly string[];
  readonly LLM_PROVIDER: string;
}): readonly string[] {
  return llm.LLM_CHAIN.length === 0 ? [llm.LLM_PROVIDER] : llm.LLM_CHAIN;
}

/** All that a corpus may choose among: what the operator pays for, and quotations of the sources. */
export function offeredModels(llm: {
  readonly LLM_CHAIN: readonly string[];
  readonly LLM_MODELS: readonly string[];
  readonly LLM_PROVIDER: string;
}): ReadonlySet<string> {
  return new Set([...modelChain(llm), ...llm.LLM_MODELS, 'extractive']);
}

const NAME = /^(?:vertex|openai|fake|extractive)(?::\S+)?$/u;

/** Names of models that name none, and a temperature that is none. */
export function llmProblems(llm: {
  readonly LLM_CHAIN: readonly string[];
  readonly LLM_MODELS: readonly string[];
  readonly LLM_TEMPERATURE: string | undefined;
}): string[] {
  const problems = (['LLM_CHAIN', 'LLM_MODELS'] as const).flatMap((variable) =>
    llm[variable]
      .filter((name) => !NAME.test(name))
      .map((name) => `${variable} holds ${JSON.stringify(name)}, which is not provider or provider:model`),
  );
  const { LLM_TEMPERATURE: text } = llm;
  if (text !== undefined && !(Number(text) >= 0 && Number(text) <= 2))
    problems.push(`LLM_TEMPERATURE is ${JSON.stringify(text)}, not a number from 0 to 2`);
  return problems;
}

/** Runs and their streams. */
export const runArea = defineConfig('run', 'How questions are answered and streamed.', {
  RUN_SSE_HEARTBEAT_S: int('A stream that was silent this long gets a heartbeat.', {
    default: 10,
    min: 1,
    max: 300,
    unit: 's',
  }),
  RUN_RESUME_GRACE_S: int('How long a run goes on after its client left.', {
    default: 30,
    min: 0,
    max: 3_600,
    unit: 's',
  }),
  MESSAGE_RETENTION_DAYS: int('How long is kept what was asked and answered; 0: until somebody deletes it.', {
    default: 0,
    min: 0,
    max: 36_500,
    unit: 'days',
  }),
  RUN_MAX_CONCURRENCY: int(
    'Runs at one time in one process, of which one tenant gets at most four fifths; more wait, then 503.',
    { default: 10, min: 1, max: 10_000 },
  ),
  RUN_BULKHEAD_MAX_CONCURRENCY: int('In place of RUN_MAX_CONCURRENCY; 0: that one counts.', {
    default: 0,
    min: 0,
    max: 10_000,
  }),
  RUN_QUEUE_MAX: int('Runs of one tenant that may wait for a place.', { default: 100, min: 0, max: 100_000 }),
  RUN_QUEUE_WAIT_MS: int('How long a run waits for a place before it is answered with 503.', {
    default: 1_000,
    min: 0,
    max: 60_000,
    unit: 'ms',
  }),
  DEBUG_EVENTS: boolean('Adds debug.retrieval frames to streams.', false),
});

/** The places of a bulkhead: its own number where there is one. */
export function bulkhead(own: number, general: number): number {
  return own > 0 ? own : general;
}
