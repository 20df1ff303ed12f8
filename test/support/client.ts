import { assertDeclared } from './declared.js';
import { EventStream } from './event-stream.js';

/** An answer, wholly read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; undefined when there is none. */
  readonly body: unknown;
  /** `data` of the envelope. */
  readonly data: unknown;
  /** `error.code` of the envelope; undefined for a success. */
  readonly code: string | undefined;
}

export type HeaderMap = Readonly<Record<string, string>>;

interface Envelope {
  readonly data?: unknown;
  readonly error?: { readonly code: string };
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

/** Calls one server as one caller. */
export class TestClient {
  constructor(
    readonly url: string,
    readonly key: string | undefined,
  ) {}

  /** The same caller at another process. */
  at(url: string): TestClient {
    return new TestClient(url, this.key);
  }

  get(path: string, headers: HeaderMap = {}): Promise<Answer> {
    return this.call('GET', path, undefined, headers);
  }

  post(path: string, body?: unknown, headers: HeaderMap = {}): Promise<Answer> {
    return this.call('POST', path, body, headers);
  }

  patch(path: string, body: unknown, headers: HeaderMap = {}): Promise<Answer> {
    return this.call('PATCH', path, body, headers);
  }

  delete(path: string, headers: HeaderMap = {}): Promise<Answer> {
    return this.call('DELETE', path, undefined, headers);
  }

  /** Uploads a multipart form with one file. */
  upload(
    path: string,
    fields: Readonly<Record<string, string>>,
    file: { readonly text?: string; readonly bytes?: Buffer; readonly type: string; readonly name?: string },
    headers: HeaderMap = {},
  ): Promise<Answer> {
    const boundary = 'a-boundary-of-the-tests';
    const part = (head: string, value: string): string => `--${boundary}\r\n${head}\r\n\r\n${value}\r\n`;
    const texts = Object.entries(fields).map(([name, value]) =>
      part(`Content-Disposition: form-data; name="${name}"`, value),
    );
    const disposition = `Content-Disposition: form-data; name="file"; filename="${file.name ?? 'notes.txt'}"`;
    const head = `${texts.join('')}--${boundary}\r\n${disposition}\r\nContent-Type: ${file.type}\r\n\r\n`;
    const bytes = file.bytes ?? Buffer.from(file.text ?? '');
    const body = Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]);
    return this.call('POST', path, body, { 'content-type': `multipart/form-data; boundary=${boundary}`, ...headers });
  }

  /** Sends any request; a string is sent as it is, anything else as JSON. Throws when the answer is not one that OpenAPI declares. */
  async call(method: string, path: string, body: unknown, headers: HeaderMap = {}): Promise<Answer> {
    const response = await fetch(`${this.url}${path}`, this.init(method, body, headers));
    const text = await response.text();
    const body_ = parsed(text);
    const envelope = (body_ ?? {}) as Envelope;
    const answer = {
      status: response.status,
      headers: response.headers,
      text,
      body: body_,
      data: envelope.data,
      code: envelope.error?.code,
    };
    assertDeclared({ method, path, answer });
    return answer;
  }

  /** Asks, and gives the stream of frames as it comes. */
  async open(question: object, headers: HeaderMap = {}, path = '/v1/run'): Promise<EventStream> {
    const leaving = new AbortController();
    const init = this.init('POST', question, headers);
    const response = await fetch(`${this.url}${path}`, { ...init, signal: leaving.signal });
    return new EventStream(response, leaving);
  }

  /** Opens a stream that is read, and gives its frames as they come. */
  async follow(path: string, headers: HeaderMap = {}): Promise<EventStream> {
    const leaving = new AbortController();
    const response = await fetch(`${this.url}${path}`, {
      ...this.init('GET', undefined, headers),
      signal: leaving.signal,
    });
    return new EventStream(response, leaving);
  }

  /** Asks, and gives all that was streamed. */
  async ask(question: object, headers: HeaderMap = {}) {
    const stream = await this.open(question, headers);
    return { status: stream.status, headers: stream.headers, frames: await stream.rest(), text: stream.text };
  }

  private init(method: string, body: unknown, headers: HeaderMap): RequestInit {
    const credential: HeaderMap = this.key === undefined ? {} : { authorization: `Bearer ${this.key}` };
    if (body === undefined) return { method, headers: { ...credential, ...headers }, redirect: 'manual' };
    const text = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    return {
      method,
      body: text,
      headers: { ...credential, 'content-type': 'application/json', ...headers },
      redirect: 'manual',
    };
  }
}
