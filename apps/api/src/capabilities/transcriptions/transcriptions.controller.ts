import { Body, Controller } from '@nestjs/common';
import { CatalogueError } from '#domain/kernel/errors.js';
import { Hearing, hearingFailures, MAX_AUDIO_BYTES, type Heard, type Utterance } from '#api/commands/hearing.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { Left } from '#api/http/events-param.js';
import { Upload, type UploadedFile } from '#api/http/upload.js';
import {
  OpenAiTranscription,
  OpenAiTranscriptionRequest,
  transcriptionErrors,
  TranscriptionRequest,
  TranscriptionView,
} from './transcriptions.contract.js';

const shared = {
  role: 'reader',
  rate: 'run',
  feature: 'feature.tts',
  audit: 'audio.transcribed',
  upload: { maxBytes: MAX_AUDIO_BYTES },
} as const;

/** Speech to text, in our own form and in that of the OpenAI API. */
@Controller()
export class TranscriptionsController {
  constructor(private readonly hearing: Hearing) {}

  @Endpoint('POST /transcriptions', {
    does: 'Write down what is said in an audio file',
    ...shared,
    returns: TranscriptionView,
    refuses: hearingFailures,
  })
  async transcribe(
    @Body() body: TranscriptionRequest,
    @Upload() file: UploadedFile,
    @Caller() caller: CallerContext,
    @Left() left: AbortSignal,
  ): Promise<TranscriptionView> {
    const { text, language, seconds } = await this.hear(this.hearing.utteranceIn(file, body), caller, left);
    return { text, language, duration_s: seconds, provider: this.hearing.provider, model: this.hearing.model };
  }

  @Endpoint('POST /audio/transcriptions', {
    does: 'Write down what is said in an audio file, by the OpenAI API',
    ...shared,
    bare: true,
    legacy: false,
    errors: 'openai',
    returns: OpenAiTranscription,
    produces: ['text/plain; charset=utf-8'],
    refuses: [...hearingFailures, ...Object.values(transcriptionErrors)],
  })
  async transcribeAsOpenAi(
    @Body() body: OpenAiTranscriptionRequest,
    @Upload() file: UploadedFile,
    @Caller() caller: CallerContext,
    @Left() left: AbortSignal,
  ): Promise<OpenAiTranscription> {
    if (body.stream === true) throw new CatalogueError(transcriptionErrors.unsupported, { param: 'stream' });
    if ((body.temperature ?? 0) !== 0)
      throw new CatalogueError(transcriptionErrors.unsupported, { param: 'temperature' });
    const { model } = this.hearing;
    if (model !== null && body.model !== model)
      throw new CatalogueError(transcriptionErrors.modelNotFound, { param: 'model', offered: [model] });
    const heard = await this.hear(this.hearing.utteranceIn(file, body), caller, left);
    if (body.response_format !== 'text') return inJson(heard, body.response_format === 'verbose_json');
    caller.setHeader('content-type', 'text/plain; charset=utf-8');
    // A text is no object of the contract, which tells it by its media type.
    return `${heard.text}\n` as unknown as OpenAiTranscription;
  }

  private hear(utterance: Utterance, caller: CallerContext, signal: AbortSignal): Promise<Heard> {
    return this.hearing.hear(utterance, { transcriptionId: caller.facts.newId, runId: null, caller, signal });
  }
}

function inJson({ text, language, seconds }: Heard, verbose: boolean): OpenAiTranscription {
  const usage = seconds === null ? {} : { usage: { type: 'duration' as const, seconds } };
  return verbose ? { task: 'transcribe', language, duration: seconds, text, ...usage } : { text, ...usage };
}
