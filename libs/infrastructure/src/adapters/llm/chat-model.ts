import type { FinishReason, TokenCount, Turn } from './answerer.js';

/** What a model is asked. */
export interface ChatPrompt {
  readonly system: string;
  /** The conversation, which ends with the question. */
  readonly turns: readonly Turn[];
  readonly maxOutputTokens: number;
  /** 0 to 2; the provider's own where undefined. */
  readonly temperature: number | undefined;
  /** 0 to 1. */
  readonly topP?: number | undefined;
  /** The answer ends before the first of these. */
  readonly stop?: readonly string[] | undefined;
}

/** How an answer ended, and what the provider counted, if it did. */
export interface ChatEnd {
  readonly finish: FinishReason;
  readonly tokens: Omit<TokenCount, 'estimated'> | undefined;
}

/** Text as it comes (never empty), then one end; a model that thinks gives signs of it, and keeps its thoughts to itself. */
export type ChatPart = { readonly text: string } | { readonly thinking: true } | { readonly end: ChatEnd };

/** One model of one provider. Closes its connection when the signal aborts. Rejects with LlmFailure. */
export interface ChatModel {
  readonly provider: string;
  readonly model: string;
  /** Names the breaker and the bulkhead of its endpoint. */
  readonly integration: string;
  /** Input and output together. */
  readonly contextTokens: number;
  stream(prompt: ChatPrompt, signal: AbortSignal): AsyncIterable<ChatPart>;
}
