import { Field } from '#api/http/fields.js';
import { UnusedChatParameters, UnusedMessageParts } from './chat-unused.contract.js';

/** What of a long conversation does not fit a model is left out before it is asked; the body's own bound is for all together. */
const LONGEST_TEXT = 256_000;
const MOST_MESSAGES = 2_048;

const isText = (value: unknown): boolean => typeof value === 'string' && value.length <= LONGEST_TEXT;

function isTextPart(part: unknown): boolean {
  if (typeof part !== 'object' || part === null) return false;
  const { type, text } = part as { readonly type?: unknown; readonly text?: unknown };
  return type === 'text' && isText(text);
}

const isContent = (value: unknown): boolean =>
  isText(value) || (Array.isArray(value) && value.length > 0 && value.length <= 64 && value.every(isTextPart));

const TEXT_PART = {
  type: 'object',
  required: ['type', 'text'],
  properties: { type: { type: 'string', const: 'text' }, text: { type: 'string', maxLength: LONGEST_TEXT } },
};

/** One message of a conversation; only text is taken. */
export class ChatMessageInput extends UnusedMessageParts {
  @Field.enum(['system', 'developer', 'user', 'assistant'], { does: 'Who says it', example: 'user' })
  role!: 'system' | 'developer' | 'user' | 'assistant';

  @Field.value({
    does: 'What is said: a text, or parts of the type `text`',
    schema: {
      oneOf: [
        { type: 'string', maxLength: LONGEST_TEXT },
        { type: 'array', items: TEXT_PART, minItems: 1, maxItems: 64 },
      ],
    },
    fits: isContent,
    expects: `must be a text of ${LONGEST_TEXT} characters or fewer, or a list of parts of the type text`,
    example: 'What are the release gates for Agent 2.0?',
  })
  content!: string | readonly { readonly text: string }[];
}

const nobody = { optional: true, nullable: true } as const;

export class StreamOptions {
  @Field.boolean({ does: 'Whether a last chunk tells the tokens used', ...nobody })
  include_usage?: boolean | null;

  @Field.boolean({ does: 'Taken and not used', ...nobody })
  include_obfuscation?: boolean | null;
}

function isFormat(value: unknown): boolean {
  return typeof value === 'object' && typeof (value as { readonly type?: unknown } | null)?.type === 'string';
}

/** The body of `POST /v1/chat/completions`. */
export class ChatCompletionRequest extends UnusedChatParameters {
  @Field.string({ does: 'The id of the corpus that is asked', min: 1, max: 256, example: 'c1' })
  model!: string;

  @Field.list(() => ChatMessageInput, {
    does: 'The conversation: its last message is the question, of the role `user`; the messages before are its history',
    minItems: 1,
    maxItems: MOST_MESSAGES,
    example: [{ role: 'user', content: 'What are the release gates for Agent 2.0?' }],
  })
  messages!: ChatMessageInput[];

  @Field.boolean({ does: 'Whether the answer is streamed in chunks', default: false, nullable: true })
  stream!: boolean | null;

  @Field.object(() => StreamOptions, nobody)
  stream_options?: StreamOptions | null;

  @Field.number({ does: 'How freely a model words its answer', min: 0, max: 2, ...nobody })
  temperature?: number | null;

  @Field.number({ does: 'The share of likely words that a model chooses from', min: 0, max: 1, ...nobody })
  top_p?: number | null;

  @Field.integer({ does: 'The most tokens of the answer', min: 1, max: 1_000_000, ...nobody })
  max_tokens?: number | null;

  @Field.integer({ does: 'The same under its newer name, which goes before', min: 1, max: 1_000_000, ...nobody })
  max_completion_tokens?: number | null;

  @Field.value({
    does: 'The answer ends before the first of these, at most four',
    schema: {
      oneOf: [
        { type: 'string', minLength: 1, maxLength: 256 },
        { type: 'array', items: { type: 'string', minLength: 1, maxLength: 256 }, maxItems: 4 },
      ],
    },
    fits: isStop,
    expects: 'must be a text, or at most four',
    ...nobody,
  })
  stop?: string | readonly string[] | null;

  @Field.integer({ does: 'How many answers; only 1', min: 1, max: 128, ...nobody })
  n?: number | null;

  @Field.number({ does: 'Only 0', min: -2, max: 2, ...nobody })
  presence_penalty?: number | null;

  @Field.number({ does: 'Only 0', min: -2, max: 2, ...nobody })
  frequency_penalty?: number | null;

  @Field.boolean({ does: 'Only false', ...nobody })
  logprobs?: boolean | null;

  @Field.value({
    does: 'Answers are texts: only the type `text`',
    schema: { type: 'object', required: ['type'], properties: { type: { type: 'string', enum: ['text'] } } },
    fits: isFormat,
    expects: 'must be an object with a type',
    ...nobody,
  })
  response_format?: { readonly type: string } | null;

  @Field.value({
    does: 'Tools are not called: only an empty list',
    schema: { type: 'array', items: { type: 'object' } },
    fits: Array.isArray,
    expects: 'must be a list',
    ...nobody,
  })
  tools?: readonly unknown[] | null;

  @Field.value({
    does: 'Tools are not called: only `none` and `auto`',
    schema: { type: 'string', enum: ['none', 'auto', 'required'] },
    fits: (value) => typeof value === 'string' || (typeof value === 'object' && !Array.isArray(value)),
    expects: 'must be none or auto',
    ...nobody,
  })
  tool_choice?: string | object | null;

  @Field.boolean({ does: 'Only false: answers are kept with their session, as every run', ...nobody })
  store?: boolean | null;

  @Field.string({ does: 'An end user of yours; questions of one are kept as one session', max: 200, ...nobody })
  user?: string | null;

  @Field.string({ does: 'The same under its newer name, which goes before', max: 200, ...nobody })
  safety_identifier?: string | null;

  @Field.json({ does: '`session_id` names the session that the question and its answer are kept in', ...nobody })
  metadata?: object | null;

  @Field.integer({ does: "How many passages to use; the corpus's own number when absent", min: 1, max: 50, ...nobody })
  top_k?: number | null;
}

function isStop(value: unknown): boolean {
  const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
  return texts.length <= 4 && texts.every((each) => typeof each === 'string' && each !== '' && each.length <= 256);
}
