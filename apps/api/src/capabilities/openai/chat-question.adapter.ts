import { openAiErrors } from './openai.contract.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { invalid } from '#api/http/errors.js';
import type { Question } from '#api/commands/questions.js';
import type { AnswerOptions, Turn } from '#infra/adapters/llm/answerer.js';
import type { ChatCompletionRequest, ChatMessageInput } from './chat.contract.js';

/** The most characters that a question may have, as at `/v1/run`. */
const LONGEST_QUESTION = 32_000;

/** What the protocol has and we do not, by what a request must say to do without it. */
const UNSUPPORTED: readonly (readonly [param: keyof ChatCompletionRequest, wants: (value: unknown) => boolean])[] = [
  ['n', (value) => value !== 1],
  ['response_format', (value) => (value as { readonly type: string }).type !== 'text'],
  ['modalities', (value) => (value as readonly string[]).some((each) => each !== 'text')],
  ['audio', () => true],
  ['web_search_options', () => true],
  ['tools', isFilled],
  ['functions', isFilled],
  ['tool_choice', isCall],
  ['function_call', isCall],
  ['top_logprobs', (value) => value !== 0],
  ['presence_penalty', (value) => value !== 0],
  ['frequency_penalty', (value) => value !== 0],
  ['logprobs', (value) => value === true],
  ['store', (value) => value === true],
];

/** A request of the chat protocol as a question. `alone` is the session of a request that names none. */
export function questionOf(body: ChatCompletionRequest, alone: string): Question {
  refuseUnsupported(body);
  const messages = body.messages.map(({ role, content }) => ({ role, text: textOf(content) }));
  const last = messages.at(-1);
  if (last?.role !== 'user')
    throw wrong('messages', 'value_error', 'must end with a message of the role user, which is the question');
  if (last.text.trim() === '') throw wrong('messages', 'string_too_short', 'must end with a question');
  if (last.text.length > LONGEST_QUESTION)
    throw wrong('messages', 'string_too_long', `must end with a question of ${LONGEST_QUESTION} characters or fewer`);
  return {
    sessionId: sessionOf(body) ?? alone,
    corpusId: body.model,
    message: last.text,
    topK: body.top_k ?? null,
    audio: false,
    history: messages.slice(0, -1).flatMap(({ role, text }): readonly Turn[] => {
      return role === 'user' || role === 'assistant' ? [{ role, content: text }] : [];
    }),
    options: optionsOf(body, messages),
  };
}

function refuseUnsupported(body: ChatCompletionRequest): void {
  for (const [param, wants] of UNSUPPORTED) {
    const value = body[param];
    if (value !== undefined && value !== null && wants(value))
      throw new CatalogueError(openAiErrors.unsupported, { param });
  }
  // Without its tools and what they gave, such a conversation is another one.
  for (const [at, { tool_calls: calls, function_call: call }] of body.messages.entries())
    if (isFilled(calls) || (call ?? null) !== null)
      throw new CatalogueError(openAiErrors.unsupported, { param: `messages.${at}` });
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

function isCall(value: unknown): boolean {
  return value !== 'none' && value !== 'auto';
}

function wrong(field: string, type: string, msg: string): CatalogueError {
  return invalid([{ type, loc: ['body', field], msg }]);
}

function textOf(content: ChatMessageInput['content']): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('\n');
}

/** The session that the question is kept in: the one that is named, else that of the end user. */
function sessionOf({
  metadata,
  user: formerly,
  safety_identifier: user = formerly,
}: ChatCompletionRequest): string | undefined {
  const named = (metadata as { readonly session_id?: unknown } | null | undefined)?.session_id;
  if (named !== undefined) {
    if (typeof named !== 'string' || named === '' || named.length > 256)
      throw wrong('metadata', 'value_error', 'must hold a session_id of 1 to 256 characters');
    return named;
  }
  return user === undefined || user === null || user === '' ? undefined : `user:${user}`;
}

const said = <T>(name: string, value: T | null | undefined): object =>
  value === undefined || value === null ? {} : { [name]: value };

function optionsOf(
  body: ChatCompletionRequest,
  messages: readonly { readonly role: string; readonly text: string }[],
): AnswerOptions {
  const rules = messages.filter(({ role }) => role === 'system' || role === 'developer').map(({ text }) => text);
  const stop = typeof body.stop === 'string' ? [body.stop] : body.stop;
  return {
    ...(rules.length === 0 ? {} : { instructions: rules.join('\n\n') }),
    ...said('temperature', body.temperature),
    ...said('topP', body.top_p),
    ...said('maxOutputTokens', body.max_completion_tokens ?? body.max_tokens),
    ...said('stop', stop),
  };
}
