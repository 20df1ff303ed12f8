import { rolloutErrors } from '#domain/capabilities/rollouts/rollouts.decider.js';
import type { ErrorRow } from '#domain/kernel/errors.js';
import type { CallerContext } from '#api/http/caller.js';
import type { UploadedFile } from '#api/http/upload.js';
import type { AudioFormat } from '#infra/adapters/speech/audio-format.js';
import { speechErrors } from '#infra/adapters/speech/speech-errors.js';
import { outboundErrors } from '#infra/shared-state/outbound.js';

/** The longest audio, as at the API of OpenAI. */
export const MAX_AUDIO_BYTES = 25 * 1024 * 1024;

/** What transcribing may be refused with, wherever it is asked for. */
export const hearingFailures: readonly ErrorRow[] = [
  speechErrors.audioUnsupported,
  speechErrors.sttUnconfigured,
  speechErrors.sttAuth,
  speechErrors.sttRefused,
  speechErrors.sttFailed,
  ...Object.values(outboundErrors),
  rolloutErrors.disabled,
];

/** Audio that was handed in, and what its sender knows of it. */
export interface Utterance {
  readonly file: UploadedFile;
  readonly format: AudioFormat;
  /** As ISO 639-1. */
  readonly language?: string | undefined;
  /** Words that are likely. */
  readonly prompt?: string | undefined;
}

/** What was said in it. */
export interface Heard {
  readonly text: string;
  readonly language: string | null;
  readonly seconds: number | null;
}

/** Whose transcription it is: the event is told under its id, and a repeat under the same one. */
export interface HeardFor {
  readonly transcriptionId: string;
  readonly runId: string | null;
  readonly caller: CallerContext;
  readonly signal: AbortSignal;
}

/** Writes down what callers say. */
export abstract class Hearing {
  /** Of the model that transcribes; null where none does. */
  abstract readonly model: string | null;
  abstract readonly provider: string;

  /** Refuses what is no audio that is transcribed, by its first bytes. */
  abstract utteranceIn(file: UploadedFile, more?: Pick<Utterance, 'language' | 'prompt'>): Utterance;

  /** Throws a CatalogueError of `speechErrors` or `outboundErrors`, on record, or the signal's reason. */
  abstract hear(utterance: Utterance, of: HeardFor): Promise<Heard>;
}
