import { CatalogueError } from '#domain/kernel/errors.js';
import { splitSentences } from './spoken-text.js';
import type { OpenAiSpeechClient } from './openai-client.js';
import { SpeechFailure, speechErrors, told } from './speech-errors.js';

export interface SpeechRequest {
  readonly tenantId: string;
  readonly text: string;
  readonly signal?: AbortSignal;
}

export interface Speech {
  readonly bytes: Uint8Array;
  readonly mime: 'audio/mpeg';
  /** Characters that were spoken. */
  readonly characters: number;
}

/** Speaks a text. Rejects with a CatalogueError of `speechErrors` or `outboundErrors`, or with the signal's reason. */
export interface Speaker {
  readonly provider: string;
  readonly model: string | null;
  speak(request: SpeechRequest): Promise<Speech>;
}

/** Where nothing is configured. */
export class NoSpeaker implements Speaker {
  readonly provider = 'none';
  readonly model = null;

  speak(): Promise<Speech> {
    return Promise.reject(new CatalogueError(speechErrors.ttsUnconfigured));
  }
}

/** Constant bytes, for trials without a provider. */
export class FakeSpeaker implements Speaker {
  readonly provider = 'fake';
  readonly model = null;

  speak({ text }: SpeechRequest): Promise<Speech> {
    const bytes = new TextEncoder().encode('FAKE_MP3_BYTES');
    return Promise.resolve({ bytes, mime: 'audio/mpeg', characters: spokenOf(text).length });
  }
}

/** The longest text that the API takes at once. */
const LONGEST_PIECE = 4_096;

/** A server that speaks the API of OpenAI. A long text is spoken in pieces, which MP3 allows to be joined. */
export class OpenAiSpeaker implements Speaker {
  readonly provider = 'openai';

  constructor(
    private readonly client: OpenAiSpeechClient,
    readonly model: string,
    private readonly voice: string,
  ) {}

  async speak({ tenantId, text, signal }: SpeechRequest): Promise<Speech> {
    const spoken = spokenOf(text);
    const of = { tenantId, ...(signal === undefined ? {} : { signal }) };
    const pieces: Uint8Array[] = [];
    try {
      for (const piece of splitSentences(spoken, LONGEST_PIECE)) pieces.push(await this.piece(piece, of));
    } catch (error) {
      throw told(error, { auth: speechErrors.ttsAuth, failed: speechErrors.ttsFailed });
    }
    return { bytes: Buffer.concat(pieces), mime: 'audio/mpeg', characters: spoken.length };
  }

  private piece(input: string, of: { readonly tenantId: string; readonly signal?: AbortSignal }): Promise<Uint8Array> {
    const { model, voice } = this;
    return this.client.ask(of, async (client, signal) => {
      const asked = { model, voice, input, response_format: 'mp3' } as const;
      const response = await client.audio.speech.create(asked, { signal });
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (!isAudio(response.headers.get('content-type'), bytes))
        throw new SpeechFailure('failed', new Error('the answer is no audio'));
      return bytes;
    });
  }
}

/** A 200 may still be anything: MP3 begins with a tag or with the sync word of a frame. */
function isAudio(type: string | null, bytes: Uint8Array): boolean {
  if (type !== null && /^(?:text\/|application\/json)/.test(type)) return false;
  const tagged = bytes[0] === 0x49 && bytes[1] === 0x44 && bytes[2] === 0x33;
  return tagged || (bytes[0] === 0xff && ((bytes[1] ?? 0) & 0xe0) === 0xe0);
}

/** An answer as it is read aloud: without the markers of its citations. */
export function spokenOf(text: string): string {
  return text.replaceAll(/\s*\[\d{1,3}\]/g, '').trim();
}
