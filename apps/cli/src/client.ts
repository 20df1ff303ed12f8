import type { Json, JsonObject } from '#domain/kernel/schema.js';
import { retryAfterMs } from '#infra/shared-state/retry-after.js';

/** Where a server is and how to be let in: the operator's token, or an API key. */
export interface ServerAddress {
  readonly url: string;
  readonly token: string;
  readonly tenantId?: string | undefined;
  /** The header that carries the token; `authorization` by default. */
  readonly header?: string | undefined;
}

/** The server refused; `code` is the one of the error catalogue. */
export class ServerRefused extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
    readonly details?: unknown,
    /** What `Retry-After` asks for. */
    readonly retryAfterMs?: number,
  ) {
    super(message);
    this.name = 'ServerRefused';
  }
}

export interface SseEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

interface ErrorBody {
  readonly error?: { readonly code: string; readonly message: string; readonly details?: unknown };
}

const CALL_MS = 120_000;

/** Talks to a server: JSON calls, event streams, operations. */
export class Client {
  constructor(private readonly address: ServerAddress) {}

  /** Calls an endpoint and gives `data` of its envelope with the status; null where there is none. Throws ServerRefused. */
  async call(
    method: string,
    path: string,
    body?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ status: number; data: Json }> {
    const response = await this.send(method, path, body, headers, AbortSignal.timeout(CALL_MS));
    if (response.status === 204) return { status: 204, data: null };
    const parsed = (await response.json()) as { data: Json };
    return { status: response.status, data: parsed.data };
  }

  /** Opens an event stream and gives its frames. Throws ServerRefused. */
  async *events(
    path: string,
    body: object,
    headers: Readonly<Record<string, string>> = {},
    signal?: AbortSignal,
  ): AsyncIterable<SseEvent> {
    const response = await this.send('POST', path, body, headers, signal);
    if (response.body === null) return;
    let buffer = '';
    for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
      buffer += part;
      let start = 0;
      for (let end = buffer.indexOf('\n\n'); end >= 0; end = buffer.indexOf('\n\n', start)) {
        yield parseFrame(buffer.slice(start, end));
        start = end + 2;
      }
      buffer = buffer.slice(start);
    }
  }

  /** Runs an operation in the server and gives its items. Throws ServerRefused, 422 for wrong arguments. */
  async *operation<T = Json>(name: string, args: JsonObject, signal?: AbortSignal): AsyncIterable<T> {
    for await (const { event, data } of this.events(`/v1/operator/${name}`, { args }, {}, signal)) {
      if (event === 'item') yield JSON.parse(data) as T;
      if (event === 'failed') {
        const failure = JSON.parse(data) as { code: string; message: string; usage?: boolean; details?: unknown };
        throw new ServerRefused(failure.code, failure.message, failure.usage === true ? 422 : 500, failure.details);
      }
      if (event === 'end') return;
    }
    throw new ServerRefused('STREAM_CUT', 'the server closed the stream before its end', 503);
  }

  private async send(
    method: string,
    path: string,
    body: object | undefined,
    more: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const headers = { ...this.headers(), ...contentTypeOf(body), ...more };
    const response = await fetch(new URL(path, this.address.url), {
      method,
      headers,
      ...bodyOf(body),
      ...(signal === undefined ? {} : { signal }),
    });
    if (!response.ok) throw await refusalOf(response);
    return response;
  }

  private headers(): Record<string, string> {
    const { token, tenantId, header = 'authorization' } = this.address;
    return { [header]: `Bearer ${token}`, ...(tenantId === undefined ? {} : { 'x-tenant-id': tenantId }) };
  }
}

function contentTypeOf(body: object | undefined): Record<string, string> {
  return body === undefined || body instanceof FormData ? {} : { 'content-type': 'application/json' };
}

function bodyOf(body: object | undefined): { body?: string | FormData } {
  if (body === undefined) return {};
  return { body: body instanceof FormData ? body : JSON.stringify(body) };
}

async function refusalOf(response: Response): Promise<ServerRefused> {
  const { error } = (await response.json().catch(() => ({}))) as ErrorBody;
  const { code = 'UNKNOWN', message = response.statusText, details } = error ?? {};
  return new ServerRefused(code, message, response.status, details, retryAfterMs(response.headers.get('retry-after')));
}

function parseFrame(text: string): SseEvent {
  const fields = new Map(
    text.split('\n').map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)] as const;
    }),
  );
  return { event: fields.get('event') ?? 'message', id: fields.get('id') ?? '', data: fields.get('data') ?? '' };
}
