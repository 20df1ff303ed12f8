import { Field } from '#api/http/fields.js';

/** Where a marker of the answer leads to, letter for letter. */
export class FileCitation {
  @Field.string({ does: 'The id of the document' })
  file_id!: string;

  @Field.string({ does: 'Its name, or another source' })
  filename!: string;

  @Field.integer({ does: 'The n of the marker `[n]`', min: 1 })
  marker!: number;

  @Field.integer({ does: 'Where the marker stands in the content; null when it is not there', nullable: true })
  index!: number | null;

  @Field.string()
  document_id!: string;

  @Field.string()
  chunk_id!: string;

  @Field.integer({ does: 'Where the quoted text begins in the document, in UTF-16 units', min: 0 })
  start!: number;

  @Field.integer({ does: 'Where it ends', min: 0 })
  end!: number;

  @Field.integer({ does: 'The page of the document, from 1; null where its format has none', nullable: true })
  page!: number | null;

  @Field.integer({ does: 'The last page that it stands on', nullable: true })
  page_end!: number | null;

  @Field.number({ does: 'The score of the passage, 0 to 1' })
  score!: number;
}

export class ChatAnnotation {
  @Field.enum(['file_citation'])
  type!: 'file_citation';

  @Field.object(() => FileCitation)
  file_citation!: FileCitation;
}

export class ChatMessage {
  @Field.enum(['assistant'])
  role!: 'assistant';

  @Field.string({ does: 'The answer; a marker `[n]` leads to the n-th annotation' })
  content!: string;

  @Field.string({ nullable: true })
  refusal!: string | null;

  @Field.list(() => ChatAnnotation)
  annotations!: ChatAnnotation[];
}

export class ChatChoice {
  @Field.integer({ min: 0 })
  index!: number;

  @Field.object(() => ChatMessage)
  message!: ChatMessage;

  @Field.enum(['stop', 'length', 'content_filter'], {
    does: '`length`: cut at the most tokens; `content_filter`: the model declined',
  })
  finish_reason!: 'stop' | 'length' | 'content_filter';

  @Field.json({ nullable: true })
  logprobs!: null;
}

export class PromptTokensDetails {
  @Field.integer({ does: 'Of them, what the provider of the model had seen before', min: 0 })
  cached_tokens!: number;
}

export class CompletionTokensDetails {
  @Field.integer({ does: 'Of them, what the model thought and did not say', min: 0 })
  reasoning_tokens!: number;
}

export class ChatUsage {
  @Field.integer({ min: 0 })
  prompt_tokens!: number;

  @Field.integer({ min: 0 })
  completion_tokens!: number;

  @Field.integer({ min: 0 })
  total_tokens!: number;

  @Field.object(() => PromptTokensDetails)
  prompt_tokens_details!: PromptTokensDetails;

  @Field.object(() => CompletionTokensDetails)
  completion_tokens_details!: CompletionTokensDetails;
}

/** What is ours beside the protocol: the run behind the answer. */
export class ChatRun {
  @Field.string()
  id!: string;

  @Field.string()
  session_id!: string;

  @Field.boolean({ does: 'True when the answer is less than a configured model would give', optional: true })
  degraded?: boolean;

  @Field.string({ does: 'Why it is', optional: true })
  reason_code?: string;
}

/** An answer that was not streamed. */
export class ChatCompletion {
  @Field.string({ example: 'chatcmpl-0190f3c0-0000-7000-8000-000000000000' })
  id!: string;

  @Field.enum(['chat.completion'])
  object!: 'chat.completion';

  @Field.integer({ does: 'Seconds since 1970' })
  created!: number;

  @Field.string({ does: 'The id of the corpus' })
  model!: string;

  @Field.list(() => ChatChoice)
  choices!: ChatChoice[];

  @Field.object(() => ChatUsage)
  usage!: ChatUsage;

  @Field.object(() => ChatRun)
  run!: ChatRun;
}

/** A corpus as a model. */
export class ModelView {
  @Field.string({ does: 'The id of the corpus', example: 'c1' })
  id!: string;

  @Field.enum(['model'])
  object!: 'model';

  @Field.integer({ does: 'Seconds since 1970' })
  created!: number;

  @Field.string({ does: 'The tenant' })
  owned_by!: string;
}

/** The corpora that the credential may use. */
export class ModelList {
  @Field.enum(['list'])
  object!: 'list';

  @Field.list(() => ModelView)
  data!: ModelView[];

  @Field.boolean()
  has_more!: boolean;

  @Field.string({ does: 'The `cursor` of the next page', nullable: true })
  next_cursor!: string | null;
}
