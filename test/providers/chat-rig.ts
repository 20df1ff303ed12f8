import type { Answer, AnswerPassage, AnswerRequest, Answerer } from '#infra/adapters/llm/answerer.js';
import { ChatModels, type ChatAccounts } from '#infra/adapters/llm/chat-models.js';
import { llmErrors } from '#infra/adapters/llm/llm-failure.js';
import { ExtractiveAnswerer } from '#infra/adapters/llm/extractive-answerer.js';
import { ModelAnswerer, type ModelAnswererOptions } from '#infra/adapters/llm/model-answerer.js';
import { CircuitBreaker, type BreakerState } from '#infra/shared-state/circuit-breaker.js';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { Outbound } from '#infra/shared-state/outbound.js';
import type { Manner } from '../support/wire-server.js';

const text = 'The kettle is green. It whistles when the water boils.';

export const passages: readonly AnswerPassage[] = [1, 2, 3].map((number) => ({
  chunkId: `chunk-${number}`,
  documentId: `doc-${number}`,
  source: `kitchen/${number}.md`,
  text,
  start: number * 100,
  end: number * 100 + text.length,
  score: 1 / number,
}));

export interface Rig {
  readonly answerer: Answerer;
  readonly outbound: Outbound;
  readonly failures: unknown[];
  state(integration: string): Promise<BreakerState>;
}

/** Bounds that are short only where one of them is to end the answer, since a busy machine is slow with any. */
export const deadlinesFor = (reason: string) =>
  reason === 'llm_timeout'
    ? { firstMs: 2_500, idleMs: 2_000, totalMs: 60_000 }
    : { firstMs: 60_000, idleMs: 60_000, totalMs: 120_000 };

/** A way to fail, by what it is called, as which reason and error it ends, and how it leaves the breaker. */
export type ChatFailure = readonly [
  what: string,
  manner: Manner,
  reason: string,
  row: { readonly code: string },
  leaves: 'closed' | 'open',
];

export const limited: Manner = { status: 429, headers: { 'retry-after': '60' } };

/** Every way in which a server of a model fails before its answer begins, but for a limit. */
export const chatFailures: readonly ChatFailure[] = [
  ['credentials that are not accepted', 401, 'llm_error', llmErrors.unauthenticated, 'closed'],
  ['an account that may not', 403, 'llm_error', llmErrors.unauthenticated, 'closed'],
  ['a model that is not there', 404, 'llm_error', llmErrors.failed, 'closed'],
  ['an error of the server', 500, 'llm_error', llmErrors.failed, 'open'],
  ['no answer', 'hang', 'llm_timeout', llmErrors.timedOut, 'open'],
  ['no headers', 'slow-headers', 'llm_timeout', llmErrors.timedOut, 'open'],
  ['a connection that is closed', 'drop', 'llm_error', llmErrors.failed, 'open'],
  ['what is not HTTP', 'garbage', 'llm_error', llmErrors.failed, 'open'],
  ['a body that is none', 'garbage-body', 'llm_error', llmErrors.failed, 'open'],
];

export function chatRig(
  accounts: Partial<ChatAccounts>,
  options: Partial<ModelAnswererOptions> = {},
  attempts = 1,
  threshold = 3,
): Rig {
  const none = { apiKey: undefined, baseUrl: undefined, model: 'm' };
  const vertex = {
    ...none,
    project: undefined,
    location: 'europe-west4',
    credentialsFile: undefined,
    endpoint: undefined,
  };
  const models = new ChatModels({ contextTokens: 32_000, openai: none, vertex, ...accounts });
  const breaker = new CircuitBreaker(new MemorySharedState(), { failures: threshold, openMs: 3_600_000 });
  const outbound = new Outbound(breaker, { attempts, pauseMs: 1 });
  const failures: unknown[] = [];
  const answerer = new ModelAnswerer({
    modelOf: (name) => models.of(name),
    chain: ['openai'],
    maxOutputTokens: 256,
    temperature: undefined,
    deadlines: { firstMs: 2_000, idleMs: 2_000, totalMs: 10_000 },
    concurrency: 10,
    fallback: new ExtractiveAnswerer(),
    outbound,
    tokenizer: () => Promise.resolve((given) => Math.ceil(given.length / 4)),
    onFailure: (_model, error) => failures.push(error),
    ...options,
  });
  const state = (integration: string) => breaker.state({ tenantId: 'acme', integration });
  return { answerer, outbound, failures, state };
}

export interface Asked {
  readonly deltas: readonly string[];
  readonly final: Answer;
}

/** Asks and reads to the end; the deltas always join to the text. */
export async function ask(answerer: Answerer, request: Partial<AnswerRequest> = {}): Promise<Asked> {
  const deltas: string[] = [];
  let final: Answer | undefined;
  const asked = { tenantId: 'acme', question: 'Is the kettle green?', history: [], passages, ...request };
  for await (const part of answerer.answer(asked)) {
    if ('final' in part) final = part.final;
    else deltas.push(part.delta);
  }
  if (final === undefined) throw new Error('the answer had no end');
  expect(deltas.join('')).toBe(final.text);
  return { deltas, final };
}
