import type OpenAI from 'openai';
import type { ChatCompletionCreateParamsStreaming } from 'openai/resources/chat/completions';
import type { CompletionUsage } from 'openai/resources/completions';
import { retryAfterMs } from '#infra/shared-state/retry-after.js';
import type { FinishReason } from './answerer.js';
import type { ChatEnd, ChatModel, ChatPart, ChatPrompt } from './chat-model.js';
import { failureOfStatus, LlmFailure } from './llm-failure.js';
import { countedTokens } from './token-counts.js';

type Sdk = typeof import('openai');

interface Opened {
  readonly sdk: Sdk;
  readonly client: OpenAI;
}

const OPENAI = 'https://api.openai.com/v1';

export interface OpenAiChatOptions {
  readonly model: string;
  readonly contextTokens: number;
  /** Servers of one's own often need none. */
  readonly apiKey: string | undefined;
  /** OpenAI's own server where undefined. */
  readonly baseUrl: string | undefined;
}

/** A model behind any server that speaks the chat completions of OpenAI, through the official client. */
export class OpenAiChat implements ChatModel {
  readonly provider = 'openai';
  readonly model: string;
  readonly integration: string;
  readonly contextTokens: number;
  private opened: Promise<Opened> | undefined;

  constructor(private readonly options: OpenAiChatOptions) {
    this.model = options.model;
    this.contextTokens = options.contextTokens;
    this.integration = `llm.openai ${new URL(options.baseUrl ?? OPENAI).host}`;
  }

  async *stream(prompt: ChatPrompt, signal: AbortSignal): AsyncGenerator<ChatPart, void, undefined> {
    let end: Partial<ChatEnd> = {};
    const { client, sdk } = await (this.opened ??= this.open());
    try {
      const stream = await client.chat.completions.create(this.requestOf(prompt), { signal });
      for await (const chunk of stream) {
        const text = textOf(chunk);
        if (text !== '') yield { text };
        else if (isThought(chunk)) yield { thinking: true };
        end = { ...end, ...endOf(chunk), ...(end.finish === 'refused' ? { finish: end.finish } : {}) };
      }
    } catch (error) {
      throw failureOf(error, sdk);
    }
    // A connection that closes early looks like an end.
    if (end.finish === undefined) throw new LlmFailure('incomplete');
    yield { end: { finish: end.finish, tokens: end.tokens } };
  }

  /** The client is loaded when it is first asked. */
  private async open(): Promise<Opened> {
    const sdk = await import('openai');
    const { apiKey = 'none', baseUrl: baseURL = OPENAI } = this.options;
    // Repetition and deadlines are `Outbound`'s; what cannot be read would be printed as it is.
    return { sdk, client: new sdk.default({ apiKey, baseURL, maxRetries: 0, logLevel: 'off' }) };
  }

  private requestOf({
    system,
    turns,
    maxOutputTokens,
    temperature,
    topP,
    stop,
  }: ChatPrompt): ChatCompletionCreateParamsStreaming {
    const most =
      // Other servers know the older name only; OpenAI's newer models only the newer.
      this.options.baseUrl === undefined ? { max_completion_tokens: maxOutputTokens } : { max_tokens: maxOutputTokens };
    return {
      model: this.model,
      messages: [{ role: 'system', content: system }, ...turns],
      stream: true,
      stream_options: { include_usage: true },
      ...(temperature === undefined ? {} : { temperature }),
      ...(topP === undefined ? {} : { top_p: topP }),
      ...(stop === undefined ? {} : { stop: [...stop] }),
      ...most,
    };
  }
}

const finishes: Readonly<Record<string, FinishReason>> = { length: 'length', content_filter: 'refused' };

/** What is read of a chunk; servers send chunks that lack any of it, or have null for it. */
interface Chunk {
  readonly choices?: readonly (Choice | null)[] | null;
  readonly usage?: Partial<CompletionUsage> | null;
}

interface Delta {
  readonly content?: unknown;
  readonly refusal?: unknown;
  /** What the model thinks, by the names that servers have for it. */
  readonly reasoning_content?: unknown;
  readonly reasoning?: unknown;
}

interface Choice {
  readonly delta?: Delta | null;
  readonly finish_reason?: string | null;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

function deltaOf(chunk: Chunk | null): Delta {
  return chunk?.choices?.[0]?.delta ?? {};
}

function textOf(chunk: Chunk | null): string {
  const { content, refusal } = deltaOf(chunk);
  if (isText(content)) return content;
  return isText(refusal) ? refusal : '';
}

function isThought(chunk: Chunk | null): boolean {
  const { reasoning_content: named, reasoning } = deltaOf(chunk);
  return isText(named) || isText(reasoning);
}

function endOf(chunk: Chunk | null): Partial<ChatEnd> {
  const reason = chunk?.choices?.[0]?.finish_reason;
  const tokens = tokensOf(chunk?.usage);
  if (isText(deltaOf(chunk).refusal)) return { finish: 'refused' };
  return {
    ...(isText(reason) ? { finish: finishes[reason] ?? 'stop' } : {}),
    ...(tokens === undefined ? {} : { tokens }),
  };
}

function tokensOf(usage: Chunk['usage']): ChatEnd['tokens'] {
  return countedTokens({
    input: usage?.prompt_tokens,
    cached: usage?.prompt_tokens_details?.cached_tokens,
    output: usage?.completion_tokens,
    reasoning: usage?.completion_tokens_details?.reasoning_tokens,
  });
}

function failureOf(error: unknown, { APIConnectionTimeoutError, APIConnectionError, APIError }: Sdk): LlmFailure {
  if (error instanceof APIConnectionTimeoutError) return new LlmFailure('timeout');
  if (error instanceof APIConnectionError) return new LlmFailure('unavailable');
  if (!(error instanceof APIError)) return new LlmFailure('incomplete');
  const status: unknown = error.status;
  if (typeof status !== 'number') return new LlmFailure('incomplete');
  // Credit that is used up does not come back by waiting.
  if (status === 429 && error.code === 'insufficient_quota') return new LlmFailure('rejected', { status });
  const headers: unknown = error.headers;
  return failureOfStatus(status, headers instanceof Headers ? retryAfterMs(headers.get('retry-after')) : undefined);
}
