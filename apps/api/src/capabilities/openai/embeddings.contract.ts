import { Field } from '#api/http/fields.js';
import { LAST_TOKEN } from '#infra/adapters/embedding/input-limit.js';
import { LONGEST_DIMENSION } from '#infra/adapters/embedding/models.js';

/** As at the API of OpenAI. */
const MOST_INPUTS = 2_048;
const LONGEST_TEXT = 64_000;
/** Of all texts of one request. */
const MOST_CHARACTERS = 1_000_000;
/** Of one input; every model reads less. */
const MOST_TOKENS = 16_384;
/** Of all inputs of one request, as at the API of OpenAI. */
const MOST_TOKENS_IN_ALL = 300_000;

type Tokens = readonly number[];

/** What vectors are asked for. */
export type EmbeddingInput = string | readonly string[] | Tokens | readonly Tokens[];

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= LONGEST_TEXT;

const isToken = (value: unknown): boolean =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= LAST_TOKEN;

const isTokens = (value: unknown): value is Tokens =>
  Array.isArray(value) && value.length > 0 && value.length <= MOST_TOKENS && value.every(isToken);

const sum = (items: readonly { readonly length: number }[]): number =>
  items.reduce((all, { length }) => all + length, 0);

function isInput(value: unknown): boolean {
  if (isText(value) || isTokens(value)) return true;
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_INPUTS) return false;
  if (value.every(isText)) return sum(value) <= MOST_CHARACTERS;
  return value.every(isTokens) && sum(value) <= MOST_TOKENS_IN_ALL;
}

const TEXT = { type: 'string', minLength: 1, maxLength: LONGEST_TEXT };
const TOKENS = {
  type: 'array',
  items: { type: 'integer', minimum: 0, maximum: LAST_TOKEN },
  minItems: 1,
  maxItems: MOST_TOKENS,
};

/** The body of `POST /v1/embeddings`. */
export class EmbeddingsRequest {
  @Field.string({
    does: 'The embedding model, by its name or as `provider/name`; one that is not offered is told with those that are',
    min: 1,
    max: 256,
    example: 'hashing-v1',
  })
  model!: string;

  @Field.value({
    does:
      `A text, or up to ${MOST_INPUTS} of them with ${MOST_CHARACTERS} characters in all; or tokens of cl100k_base in ` +
      `place of a text, with ${MOST_TOKENS_IN_ALL} in all`,
    schema: {
      oneOf: [
        TEXT,
        { type: 'array', items: TEXT, minItems: 1, maxItems: MOST_INPUTS },
        TOKENS,
        { type: 'array', items: TOKENS, minItems: 1, maxItems: MOST_INPUTS },
      ],
    },
    fits: isInput,
    expects:
      `must be a text of 1 to ${LONGEST_TEXT} characters, 1 to ${MOST_INPUTS} such texts with ${MOST_CHARACTERS} ` +
      `characters in all, or the same as tokens of cl100k_base with ${MOST_TOKENS_IN_ALL} in all`,
    example: ['A kettle boils water for tea.'],
  })
  input!: EmbeddingInput;

  @Field.enum(['float', 'base64'], {
    does: 'Numbers, or little-endian 32-bit floats in base64',
    default: 'float',
    nullable: true,
  })
  encoding_format!: 'float' | 'base64' | null;

  @Field.integer({
    does: 'Shorter vectors, where the model makes them',
    min: 1,
    max: LONGEST_DIMENSION,
    optional: true,
    nullable: true,
  })
  dimensions?: number | null;

  @Field.string({ does: 'An end user of yours; taken and not used', max: 200, optional: true, nullable: true })
  user?: string | null;

  @Field.string({ does: 'Taken and not used', max: 64, optional: true, nullable: true })
  input_type?: string | null;

  @Field.value({
    does: 'Taken and not used: an input that is too long is refused',
    schema: { oneOf: [{ type: 'string', maxLength: 64 }, { type: 'boolean' }] },
    fits: (value) => typeof value === 'boolean' || (typeof value === 'string' && value.length <= 64),
    expects: 'must be a text or a boolean',
    optional: true,
    nullable: true,
  })
  truncate?: string | boolean | null;
}

export class EmbeddingView {
  @Field.enum(['embedding'])
  object!: 'embedding';

  @Field.integer({ does: 'Which of the inputs, from 0', min: 0 })
  index!: number;

  @Field.value({
    does: 'The vector, of length 1',
    schema: { oneOf: [{ type: 'array', items: { type: 'number' } }, { type: 'string' }] },
    fits: (value) => typeof value === 'string' || Array.isArray(value),
    expects: 'must be numbers or base64',
  })
  embedding!: string | readonly number[];
}

export class EmbeddingUsage {
  @Field.integer({ min: 0 })
  prompt_tokens!: number;

  @Field.integer({ min: 0 })
  total_tokens!: number;
}

/** Vectors in the order of their inputs. */
export class EmbeddingList {
  @Field.enum(['list'])
  object!: 'list';

  @Field.list(() => EmbeddingView)
  data!: EmbeddingView[];

  @Field.string({ does: 'The model that made them' })
  model!: string;

  @Field.object(() => EmbeddingUsage)
  usage!: EmbeddingUsage;
}
