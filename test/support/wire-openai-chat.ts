import { WireServer, type WireAnswer, type WireRequest } from './wire-server.js';

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly max_tokens?: number;
  readonly temperature?: number;
}

/** What the model says, word by word, and how it ends. */
export interface Said {
  readonly words: readonly string[];
  readonly finish?: string;
  /** The model's own words of refusal, in place of an answer. */
  readonly refusal?: string;
  /** False: the server counts no tokens. */
  readonly usage?: boolean;
  /** What it says that it counted, in place of counts. */
  readonly counted?: unknown;
  readonly everyMs?: number;
  /** Chunks that come before the first word, and between the last word and the end. */
  readonly odd?: readonly unknown[];
  /** What it thinks before it speaks. */
  readonly thoughts?: readonly object[];
  /** In place of all that, as it is. */
  readonly raw?: string;
}

/** May never say anything. */
export type SayTo = (request: ChatRequest) => Said | Promise<Said>;

/** A server that speaks the streamed chat completions of OpenAI. */
export async function openWireOpenAi(say: SayTo): Promise<WireServer> {
  return WireServer.open({ 'POST /v1/chat/completions': (request) => answered(request, say) });
}

async function answered(request: WireRequest, say: SayTo): Promise<WireAnswer> {
  const asked = request.json as ChatRequest;
  const { words, finish = 'stop', refusal, usage = true, everyMs, ...rest } = await say(asked);
  const chunk = (choices: readonly object[], rest: object = {}): string => {
    const base = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: asked.model };
    return `data: ${JSON.stringify({ ...base, choices, ...rest })}\n\n`;
  };
  const delta = (fields: object, reason: string | null = null): string =>
    chunk([{ index: 0, delta: fields, finish_reason: reason }]);
  const said =
    refusal === undefined ? words.map((content) => delta({ role: 'assistant', content })) : [delta({ refusal })];
  const counted = {
    prompt_tokens: 321,
    completion_tokens: 45,
    total_tokens: 366,
    prompt_tokens_details: { cached_tokens: 256 },
    completion_tokens_details: { reasoning_tokens: 12 },
  };
  const odd = (rest.odd ?? []).map((each) => `data: ${JSON.stringify(each)}\n\n`);
  if (rest.raw !== undefined) return { chunks: [rest.raw] };
  const told = 'counted' in rest ? rest.counted : counted;
  const chunks = [
    ...(rest.thoughts ?? []).map((thought) => delta(thought)),
    ...odd,
    ...said,
    ...odd,
    delta({}, finish),
    ...(usage ? [chunk([], { usage: told })] : []),
    'data: [DONE]\n\n',
  ];
  return everyMs === undefined ? { chunks } : { chunks, everyMs };
}
