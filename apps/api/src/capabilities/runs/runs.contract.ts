import { Field } from '#api/http/fields.js';

/** The most characters of a question, also of one that is spoken. */
export const LONGEST_QUESTION = 32_000;

/** The body of `POST /v1/run`; as a form it holds the question as a `file` of audio, in place of `message`. */
export class RunRequest {
  @Field.string({ does: 'The conversation; it belongs to the tenant', min: 1, max: 256, example: 's1' })
  session_id!: string;

  @Field.string({ does: 'Where to look for passages', min: 1, max: 256, example: 'c1' })
  corpus_id!: string;

  @Field.string({
    does: 'The question; required, unless it is spoken',
    min: 1,
    max: LONGEST_QUESTION,
    optional: true,
    example: 'What are the release gates for Agent 2.0?',
  })
  message?: string;

  @Field.string({
    does: 'The language of a spoken question, as ISO 639-1; the provider finds it out when absent',
    pattern: /^[A-Za-z]{2,3}$/,
    optional: true,
    example: 'en',
  })
  language?: string;

  @Field.integer({
    does: "How many passages to use; the corpus's own number when absent",
    min: 1,
    max: 50,
    optional: true,
  })
  top_k?: number;

  @Field.json({
    does: 'Only passages of documents that this filter holds for',
    optional: true,
    example: { eq: ['metadata.team', 'docs'] },
  })
  filter?: Record<string, never>;

  @Field.boolean({ does: 'Whether the answer is spoken too', default: false })
  audio!: boolean;
}
