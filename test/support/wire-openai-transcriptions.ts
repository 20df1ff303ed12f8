import { WireServer, type WireAnswer, type WireRequest } from './wire-server.js';

/** One transcription as it was asked for. */
export interface TranscriptionAsked {
  readonly fields: Readonly<Record<string, string>>;
  readonly filename: string;
  readonly contentType: string;
  readonly bytes: Buffer;
  /** As it came over the wire; undefined for a body in chunks. */
  readonly contentLength: string | undefined;
}

/** A local server of OpenAI's transcriptions API: it hears what stands from the 13th byte of an audio on, to the first zero. */
export class OpenAiTranscriptions {
  /** Every request that was a form, in order. */
  readonly asked: TranscriptionAsked[] = [];

  private constructor(
    readonly server: WireServer,
    private readonly key: string | undefined,
  ) {}

  static async open(key?: string): Promise<OpenAiTranscriptions> {
    const holder: { opened?: OpenAiTranscriptions } = {};
    const server = await WireServer.open({
      'POST /v1/audio/transcriptions': (request) => holder.opened?.transcribe(request) ?? { status: 503, json: {} },
    });
    holder.opened = new OpenAiTranscriptions(server, key);
    return holder.opened;
  }

  get baseUrl(): string {
    return `${this.server.url}/v1`;
  }

  close(): Promise<void> {
    return this.server.close();
  }

  private transcribe(request: WireRequest): WireAnswer {
    if (this.key !== undefined && request.headers.authorization !== `Bearer ${this.key}`)
      return { status: 401, json: { error: { message: 'Incorrect API key provided.', code: 'invalid_api_key' } } };
    const asked = askedIn(request);
    this.asked.push(asked);
    const [heard = ''] = asked.bytes.subarray(12).toString('utf8').split('\0', 1);
    const text = ` ${heard}`;
    if (asked.fields['response_format'] !== 'verbose_json') return { json: { text } };
    const { language = 'english' } = asked.fields;
    return { json: { task: 'transcribe', language, duration: 2.5, text, segments: [] } };
  }
}

/** Audio, as far as its first bytes tell, in which the stand-in hears a text. */
export function spokenWav(text: string): Buffer {
  return Buffer.concat([Buffer.from('RIFF\0\0\0\0WAVE', 'latin1'), Buffer.from(text)]);
}

const HEAD_END = '\r\n\r\n';

function askedIn({ headers, body }: WireRequest): TranscriptionAsked {
  const boundary = /boundary=(.+)$/.exec(headers['content-type'] ?? '')?.[1] ?? '';
  // Latin-1 has a character for each byte.
  const [, ...parts] = body.toString('latin1').split(`--${boundary}\r\n`);
  const told = parts.map((part, at) => {
    const headEnd = part.indexOf(HEAD_END);
    const end = at === parts.length - 1 ? part.lastIndexOf(`\r\n--${boundary}--`) : part.length - 2;
    return { head: part.slice(0, headEnd), value: Buffer.from(part.slice(headEnd + HEAD_END.length, end), 'latin1') };
  });
  const file = told.find(({ head }) => head.includes('filename='));
  if (file === undefined) throw new Error('the form holds no file');
  const named = (head: string, what: RegExp): string => what.exec(head)?.[1] ?? '';
  const texts = told.filter((part) => part !== file);
  return {
    fields: Object.fromEntries(texts.map(({ head, value }) => [named(head, / name="(.+?)"/), value.toString('utf8')])),
    filename: named(file.head, /filename="(.+?)"/),
    contentType: named(file.head, /content-type: (.+)/),
    bytes: file.value,
    contentLength: headers['content-length'],
  };
}
