import { defineErrors } from '#domain/kernel/errors.js';
import { Field } from '#api/http/fields.js';

export const transcriptionErrors = defineErrors('transcriptions', {
  modelNotFound: ['not_found', 'MODEL_NOT_FOUND', 'There is no such model that transcribes'],
  unsupported: [
    'bad_request',
    'UNSUPPORTED_PARAMETER',
    'A parameter asks for something that is not done here; leave it out',
  ],
});

const LANGUAGE = /^[A-Za-z]{2,3}$/;

/** The form of `POST /v1/transcriptions`, beside its `file`. */
export class TranscriptionRequest {
  @Field.string({
    does: 'The language that is spoken, as ISO 639-1; the provider finds it out when absent',
    pattern: LANGUAGE,
    optional: true,
    example: 'en',
  })
  language?: string;

  @Field.string({ does: 'Words that are likely, such as names', max: 2_000, optional: true })
  prompt?: string;
}

/** What was said. */
export class TranscriptionView {
  @Field.string({ does: 'What was said; empty when nothing was' })
  text!: string;

  @Field.string({ does: 'The language, as the provider names it; null when it does not', nullable: true })
  language!: string | null;

  @Field.number({ does: 'The duration of the audio in seconds; null when the provider does not tell', nullable: true })
  duration_s!: number | null;

  @Field.string()
  provider!: string;

  @Field.string({ nullable: true })
  model!: string | null;
}

/** The form of `POST /v1/audio/transcriptions`, beside its `file`. */
export class OpenAiTranscriptionRequest extends TranscriptionRequest {
  @Field.string({ does: 'The model that transcribes, by its name', min: 1, max: 256, example: 'fake-stt-v1' })
  model!: string;

  @Field.enum(['json', 'text', 'verbose_json'], { does: 'How the transcript is told', default: 'json' })
  response_format!: 'json' | 'text' | 'verbose_json';

  @Field.number({ does: 'Only 0', min: 0, max: 1, optional: true })
  temperature?: number;

  @Field.boolean({ does: 'Only false', optional: true })
  stream?: boolean;
}

export class DurationUsage {
  @Field.enum(['duration'])
  type!: 'duration';

  @Field.number({ min: 0 })
  seconds!: number;
}

/** A transcript by the OpenAI API; all but `text` and `usage` is told as `verbose_json` only. */
export class OpenAiTranscription {
  @Field.string()
  text!: string;

  @Field.enum(['transcribe'], { optional: true })
  task?: 'transcribe';

  @Field.string({ optional: true, nullable: true })
  language?: string | null;

  @Field.number({ does: 'In seconds', optional: true, nullable: true })
  duration?: number | null;

  @Field.object(() => DurationUsage, { does: 'Absent when the provider does not tell', optional: true })
  usage?: DurationUsage;
}
