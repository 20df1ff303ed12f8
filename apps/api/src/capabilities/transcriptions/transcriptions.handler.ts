import {
  transcriptions,
  type TranscriptionCommand,
} from '#domain/capabilities/transcriptions/transcriptions.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { Hearing, type Heard, type HeardFor, type Utterance } from '#api/commands/hearing.js';
import type { Rollouts } from '#api/commands/rollouts.js';
import { invalid } from '#api/http/errors.js';
import type { UploadedFile } from '#api/http/upload.js';
import { AUDIO_HEAD_BYTES, audioFormatOf } from '#infra/adapters/speech/audio-format.js';
import { speechErrors } from '#infra/adapters/speech/speech-errors.js';
import type { Transcriber, Transcript } from '#infra/adapters/speech/transcriber.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { derivedId } from '#infra/commands/ids.js';

/** Transcribes what callers hand in. The audio is let go with its request; what stays is that, when and by whom it was heard. */
export class Transcriptions extends Hearing {
  readonly provider: string;
  readonly model: string | null;

  constructor(
    private readonly transcriber: Transcriber,
    private readonly rollouts: Rollouts,
    private readonly path: CommandPath,
    private readonly onError: (error: unknown) => void,
  ) {
    super();
    this.provider = transcriber.provider;
    this.model = transcriber.model;
  }

  override utteranceIn(file: UploadedFile, more: Pick<Utterance, 'language' | 'prompt'> = {}): Utterance {
    if (file.size === 0) throw invalid([{ type: 'value_error', loc: ['body', 'file'], msg: 'must not be empty' }]);
    const format = audioFormatOf(file.read(0, AUDIO_HEAD_BYTES));
    if (format === undefined) throw new CatalogueError(speechErrors.audioUnsupported);
    return { file, format, ...more };
  }

  override async hear(utterance: Utterance, of: HeardFor): Promise<Heard> {
    const { tenantId } = of.caller;
    const { file, format, language, prompt } = utterance;
    await this.rollouts.refuseUnless('rollout.tts', 'kill.tts', tenantId);
    const audio = { format, size: file.size, read: (at: number, length: number) => file.read(at, length) };
    try {
      const heard = await this.transcriber.transcribe({ tenantId, audio, language, prompt, signal: of.signal });
      await this.record({ type: 'RecordTranscription', data: { ...this.whatOf(utterance, of), ...told(heard) } }, of);
      return heard;
    } catch (error) {
      of.signal.throwIfAborted();
      throw await this.failed(utterance, of, error);
    }
  }

  /** What went wrong is on record before it is told. */
  private async failed(utterance: Utterance, of: HeardFor, error: unknown): Promise<CatalogueError> {
    if (!(error instanceof CatalogueError)) this.onError(error);
    const refusal =
      error instanceof CatalogueError ? error : new CatalogueError(speechErrors.sttFailed, undefined, { cause: error });
    const data = { ...this.whatOf(utterance, of), code: refusal.row.code };
    await this.record({ type: 'FailTranscription', data }, of);
    return refusal;
  }

  private whatOf({ file: { size, sha256 }, format: { mime } }: Utterance, { transcriptionId, runId }: HeardFor) {
    return { transcriptionId, runId, provider: this.provider, model: this.model, mime, size, sha256 };
  }

  private async record(command: TranscriptionCommand, { transcriptionId, caller }: HeardFor): Promise<void> {
    const { facts, context } = caller;
    const own = { ...facts, commandId: derivedId(facts.commandId, command.type), now: new Date().toISOString() };
    await this.path.run(transcriptions, transcriptionId, command, own, { ...context, causationId: facts.commandId });
  }
}

function told({ text, language, seconds }: Transcript) {
  const durationMs = seconds === null ? null : Math.round(seconds * 1_000);
  return { language, durationMs, characters: text.length };
}
