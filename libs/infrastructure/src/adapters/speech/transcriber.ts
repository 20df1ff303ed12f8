import { CatalogueError } from '#domain/kernel/errors.js';
import { audioForm, type AudioSource } from './audio-form.js';
import type { OpenAiSpeechClient } from './openai-client.js';
import { SpeechFailure, speechErrors, told } from './speech-errors.js';

export interface TranscriptionRequest {
  readonly tenantId: string;
  readonly audio: AudioSource;
  /** The language that is spoken, as ISO 639-1, where the caller knows it. */
  readonly language?: string | undefined;
  /** Words that are likely. */
  readonly prompt?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was said. */
export interface Transcript {
  readonly text: string;
  /** As the provider names it; null when it does not. */
  readonly language: string | null;
  /** Of the audio; null when the provider does not tell. */
  readonly seconds: number | null;
}

/** Writes speech down. Rejects with a CatalogueError of `speechErrors` or `outboundErrors`, or with the signal's reason. */
export interface Transcriber {
  readonly provider: string;
  /** Null where nothing is configured. */
  readonly model: string | null;
  transcribe(request: TranscriptionRequest): Promise<Transcript>;
}

/** Where nothing is configured. */
export class NoTranscriber implements Transcriber {
  readonly provider = 'none';
  readonly model = null;

  transcribe(): Promise<Transcript> {
    return Promise.reject(new CatalogueError(speechErrors.sttUnconfigured));
  }
}

/** A constant text, for trials without a provider. */
export class FakeTranscriber implements Transcriber {
  readonly provider = 'fake';
  readonly model = 'fake-stt-v1';

  transcribe({ language = 'en' }: TranscriptionRequest): Promise<Transcript> {
    return Promise.resolve({ text: 'FAKE_TRANSCRIPT', language, seconds: null });
  }
}

/** The longest transcript that is taken; no audio of the allowed size holds more words. */
const LONGEST_TRANSCRIPT = 1_000_000;

/** A server that speaks the API of OpenAI. The audio goes out in pieces as it is read. */
export class OpenAiTranscriber implements Transcriber {
  readonly provider = 'openai';

  constructor(
    private readonly client: OpenAiSpeechClient,
    readonly model: string,
  ) {}

  async transcribe({ tenantId, audio, language, prompt, signal }: TranscriptionRequest): Promise<Transcript> {
    const fields = {
      model: this.model,
      response_format: tellsMore(this.model) ? 'verbose_json' : 'json',
      ...(language === undefined ? {} : { language }),
      ...(prompt === undefined ? {} : { prompt }),
    };
    const of = { tenantId, ...(signal === undefined ? {} : { signal }) };
    try {
      return await this.client.ask(of, async (client, abort) => {
        const { headers, body } = audioForm(fields, audio);
        return transcriptIn(await client.post('/audio/transcriptions', { body, headers, signal: abort }));
      });
    } catch (error) {
      const rows = { auth: speechErrors.sttAuth, refused: speechErrors.sttRefused, failed: speechErrors.sttFailed };
      throw told(error, rows);
    }
  }
}

/** All servers tell language and duration when asked to, but for these models of OpenAI, which refuse to be asked. */
const tellsMore = (model: string): boolean => !model.startsWith('gpt-4o');

/** A 200 may still be anything. */
function transcriptIn(answer: unknown): Transcript {
  const { text, language, duration, usage } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof text !== 'string' || text.length > LONGEST_TRANSCRIPT)
    throw new SpeechFailure('failed', new Error('the answer holds no transcript'));
  const used = (usage ?? {}) as { readonly seconds?: unknown };
  return {
    text: text.trim().toWellFormed(),
    language: typeof language === 'string' && /^[\p{L}-]{1,32}$/u.test(language) ? language : null,
    seconds: secondsIn(duration) ?? secondsIn(used.seconds),
  };
}

function secondsIn(value: unknown): number | null {
  const seconds = typeof value === 'string' ? Number(value) : value;
  return typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}
