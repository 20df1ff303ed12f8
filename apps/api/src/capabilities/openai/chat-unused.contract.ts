import { Field } from '#api/http/fields.js';

const UNUSED = { does: 'Taken and not used', optional: true, nullable: true } as const;

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

const OBJECT = { schema: { type: 'object' }, fits: isObject, expects: 'must be an object' };
const LIST = { schema: { type: 'array', items: { type: 'object' } }, fits: Array.isArray, expects: 'must be a list' };

/** What clients send back of an answer as it came, or as a client has filled it up. */
export class UnusedMessageParts {
  @Field.string({ ...UNUSED, max: 256 })
  name?: string | null;

  @Field.string(UNUSED)
  refusal?: string | null;

  @Field.value({ ...UNUSED, ...LIST })
  annotations?: readonly unknown[] | null;

  @Field.value({ ...UNUSED, ...OBJECT })
  audio?: object | null;

  @Field.value({ ...UNUSED, ...OBJECT, does: 'Tools are not called: only null' })
  function_call?: object | null;

  @Field.value({ ...UNUSED, ...LIST, does: 'Tools are not called: only null or an empty list' })
  tool_calls?: readonly unknown[] | null;
}

/** What clients of the chat protocol send, and an answer does not hang on, or only where it asks for what is not done here. */
export class UnusedChatParameters {
  @Field.integer(UNUSED)
  seed?: number | null;

  @Field.value({ ...UNUSED, ...OBJECT })
  logit_bias?: object | null;

  @Field.boolean(UNUSED)
  parallel_tool_calls?: boolean | null;

  @Field.string({ ...UNUSED, max: 64 })
  service_tier?: string | null;

  @Field.string({ ...UNUSED, max: 64 })
  reasoning_effort?: string | null;

  @Field.string({ ...UNUSED, max: 64 })
  verbosity?: string | null;

  @Field.string({ ...UNUSED, max: 1_024 })
  prompt_cache_key?: string | null;

  @Field.string({ ...UNUSED, max: 64 })
  prompt_cache_retention?: string | null;

  @Field.value({ ...UNUSED, ...OBJECT })
  prediction?: object | null;

  @Field.integer({ ...UNUSED, does: 'Only 0', min: 0, max: 20 })
  top_logprobs?: number | null;

  @Field.strings({ ...UNUSED, does: 'Answers are texts: only `text`', maxItems: 8, maxLength: 64 })
  modalities?: readonly string[] | null;

  @Field.value({ ...UNUSED, ...OBJECT, does: 'Answers are texts: only null' })
  audio?: object | null;

  @Field.value({ ...UNUSED, ...LIST, does: 'Functions are not called: only an empty list' })
  functions?: readonly unknown[] | null;

  @Field.value({
    ...UNUSED,
    does: 'Functions are not called: only `none` and `auto`',
    schema: { type: 'string', enum: ['none', 'auto'] },
    fits: (value) => typeof value === 'string' || isObject(value),
    expects: 'must be none or auto',
  })
  function_call?: string | object | null;

  @Field.value({ ...UNUSED, ...OBJECT, does: 'The web is not searched: only null' })
  web_search_options?: object | null;
}
