import type { GenerateContentResponse, GenerateContentResponseUsageMetadata, GoogleGenAI } from '@google/genai';
import { retryDelayMs } from '#infra/shared-state/retry-after.js';
import type { FinishReason } from './answerer.js';
import type { ChatEnd, ChatModel, ChatPart, ChatPrompt } from './chat-model.js';
import { failureOfStatus, LlmFailure } from './llm-failure.js';
import { countedTokens } from './token-counts.js';

export interface GeminiChatOptions {
  readonly project: string;
  readonly location: string;
  /** A file of Google credentials; the machine's own when undefined. */
  readonly credentialsFile: string | undefined;
  /** In place of the location's service endpoint. */
  readonly endpoint: string | undefined;
  readonly model: string;
  readonly contextTokens: number;
}

type Sdk = typeof import('@google/genai');

interface Opened {
  readonly sdk: Sdk;
  readonly client: GoogleGenAI;
}

/** Gemini on Vertex AI, through the official client: the one that can be told to stop. */
export class GeminiChat implements ChatModel {
  readonly provider = 'vertex';
  readonly model: string;
  readonly integration: string;
  readonly contextTokens: number;
  private opened: Promise<Opened> | undefined;

  constructor(private readonly options: GeminiChatOptions) {
    this.model = options.model;
    this.contextTokens = options.contextTokens;
    this.integration = `llm.vertex ${options.project}/${options.location}`;
  }

  async *stream(prompt: ChatPrompt, signal: AbortSignal): AsyncGenerator<ChatPart, void, undefined> {
    const { sdk, client } = await (this.opened ??= this.open());
    let end: Partial<ChatEnd> = {};
    try {
      for await (const chunk of await client.models.generateContentStream(this.requestOf(prompt, signal))) {
        const text = textOf(chunk);
        if (text !== '') yield { text };
        else if (isThought(chunk)) yield { thinking: true };
        end = { ...end, ...endOf(chunk) };
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
    const sdk = await import('@google/genai');
    const { project, location, credentialsFile, endpoint } = this.options;
    // The file is the operator's own, so that what kind of credentials it holds is for the operator to say.
    const ownFile = { keyFilename: credentialsFile };
    // Without retry options the client tries once: repetition is `Outbound`'s.
    const client = new sdk.GoogleGenAI({
      vertexai: true,
      project,
      location,
      ...(credentialsFile === undefined ? {} : { googleAuthOptions: ownFile as object }),
      ...(endpoint === undefined ? {} : { httpOptions: { baseUrl: endpoint } }),
    });
    return { sdk, client };
  }

  private requestOf(
    { system, turns, maxOutputTokens, temperature, topP, stop = [] }: ChatPrompt,
    abortSignal: AbortSignal,
  ) {
    return {
      model: this.model,
      contents: turns.map(({ role, content }) => ({
        role: role === 'assistant' ? 'model' : 'user',
        parts: [{ text: content }],
      })),
      config: {
        systemInstruction: system,
        maxOutputTokens,
        abortSignal,
        ...(temperature === undefined ? {} : { temperature }),
        ...(topP === undefined ? {} : { topP }),
        ...(stop.length === 0 ? {} : { stopSequences: [...stop] }),
      },
    };
  }
}

/** What the model thinks is not part of its answer. */
function textOf({ candidates }: GenerateContentResponse): string {
  const parts = candidates?.[0]?.content?.parts ?? [];
  return parts.map(({ text, thought }) => (thought === true ? '' : (text ?? ''))).join('');
}

function isThought({ candidates }: GenerateContentResponse): boolean {
  return (candidates?.[0]?.content?.parts ?? []).some(({ thought }) => thought === true);
}

const finishes: Readonly<Record<string, FinishReason>> = { STOP: 'stop', MAX_TOKENS: 'length' };

function endOf({ candidates, promptFeedback, usageMetadata }: GenerateContentResponse): Partial<ChatEnd> {
  const reason = candidates?.[0]?.finishReason;
  const tokens = tokensOf(usageMetadata);
  return {
    // Whatever else ends an answer is a rule of the provider: safety, recitation, a word that may not be said.
    ...(reason === undefined ? {} : { finish: finishes[reason] ?? 'refused' }),
    ...(promptFeedback?.blockReason === undefined ? {} : { finish: 'refused' }),
    ...(tokens === undefined ? {} : { tokens }),
  };
}

function tokensOf(usage: GenerateContentResponseUsageMetadata | null | undefined): ChatEnd['tokens'] {
  const { promptTokenCount: input, cachedContentTokenCount: cached } = usage ?? {};
  const { candidatesTokenCount: said, thoughtsTokenCount: reasoning } = usage ?? {};
  // What was thought is counted apart; an answer without a word may have no count of its own.
  const output = said === undefined && reasoning === undefined ? undefined : (said ?? 0) + (reasoning ?? 0);
  return countedTokens({ input, cached, output, reasoning });
}

function failureOf(error: unknown, { ApiError }: Sdk): LlmFailure {
  if (error instanceof ApiError) return failureOfStatus(error.status, retryDelayMs(error.message));
  if (!(error instanceof Error)) return new LlmFailure('incomplete');
  if (isOfCredentials(error)) return new LlmFailure('auth');
  return new LlmFailure(/fetch failed|terminated|ECONN|socket/i.test(error.message) ? 'unavailable' : 'incomplete');
}

/** Credentials that are missing, or that their issuer refuses; an issuer that does not answer is another matter. */
function isOfCredentials(error: Error): boolean {
  const { response } = error as { readonly response?: { readonly status?: number } };
  const status = response?.status;
  if (typeof status === 'number') return status >= 400 && status < 500;
  return /credential|ENOENT|not a file/i.test(error.message);
}
