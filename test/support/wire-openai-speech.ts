import { WireServer, type WireAnswer, type WireRequest } from './wire-server.js';

export interface SpeechAsked {
  readonly model: string;
  readonly voice: string;
  readonly input: string;
  readonly response_format?: string;
}

/** A local server of OpenAI's speech API: it speaks each text as a tag of MP3 and the text itself. */
export class OpenAiSpeech {
  private constructor(
    readonly server: WireServer,
    private readonly key: string | undefined,
  ) {}

  static async open(key?: string): Promise<OpenAiSpeech> {
    const holder: { opened?: OpenAiSpeech } = {};
    const server = await WireServer.open({
      'POST /v1/audio/speech': (request) => holder.opened?.speech(request) ?? { status: 503, json: {} },
    });
    holder.opened = new OpenAiSpeech(server, key);
    return holder.opened;
  }

  get baseUrl(): string {
    return `${this.server.url}/v1`;
  }

  /** The bodies of the requests, in order. */
  get asked(): readonly SpeechAsked[] {
    return this.server.requests.map(({ json }) => json as SpeechAsked);
  }

  close(): Promise<void> {
    return this.server.close();
  }

  private speech({ headers, json }: WireRequest): WireAnswer {
    if (this.key !== undefined && headers.authorization !== `Bearer ${this.key}`)
      return { status: 401, json: { error: { message: 'Incorrect API key provided.', code: 'invalid_api_key' } } };
    const { input } = json as SpeechAsked;
    return { headers: { 'content-type': 'audio/mpeg' }, bytes: spokenBytes(input) };
  }
}

/** What the server speaks a text as. */
export function spokenBytes(text: string): Buffer {
  return Buffer.from(`ID3 ${text}`);
}
