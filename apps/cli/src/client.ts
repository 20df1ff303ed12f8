import type { Json, JsonObject } from '#domain/kernel/schema.js';

/** Where a server is and how to be let in: the operator's token, or an API key. */
export interface ServerAddress {
  readonly url: string;
  readonly token: string;
  readonly tenantId?: string | undefined;
}

/** The server refused; `code` is the one of the error catalogue. */
export class ServerRefused extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
    readonly details?: unknown,
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

/** Talks to a server: JSON calls, event streams, operations. */
export class Client {
  constructor(private readonly address: ServerAddress) {}

  /** Calls an endpoint and gives `data` of its envelope with the status. Throws ServerRefused. */
  async call(method: string, path: string, body?: object): Promise<{ status: number; data: Json }> {
    const response = await this.send(method, path, body);
    const parsed = (await response.json()) as { data: Json };
    return { status: response.status, data: parsed.data };
  }

  /** Opens an event stream and gives its frames. Throws ServerRefused. */
  async *events(path: string, body: object, headers: Record<string, string> = {}): AsyncIterable<SseEvent> {
    const response = await this.send('POST', path, body, headers);
    if (response.body === null) return;
    let buffer = '';
    for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
      buffer += part;
      for (let end = buffer.indexOf('\n\n'); end >= 0; end = buffer.indexOf('\n\n')) {
        yield parseFrame(buffer.slice(0, end));
        buffer = buffer.slice(end + 2);
      }
    }
  }

  /** Runs an operation in the server and gives its items. */
  async *operation(name: string, args: JsonObject): AsyncIterable<Json> {
    for await (const { event, data } of this.events(`/v1/operator/${name}`, { args })) {
      if (event === 'item') yield JSON.parse(data) as Json;
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
    body?: object,
    more: Record<string, string> = {},
  ): Promise<Response> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = { ...this.headers(body !== undefined), ...more };
    const response = await fetch(new URL(path, this.address.url), { method, headers, ...sent });
    if (!response.ok) throw await refusalOf(response);
    return response;
  }

  private headers(withBody: boolean): Record<string, string> {
    const { token, tenantId } = this.address;
    return {
      authorization: `Bearer ${token}`,
      ...(tenantId === undefined ? {} : { 'x-tenant-id': tenantId }),
      ...(withBody ? { 'content-type': 'application/json' } : {}),
    };
  }
}

async function refusalOf(response: Response): Promise<ServerRefused> {
  const { error } = (await response.json().catch(() => ({}))) as ErrorBody;
  const { code = 'UNKNOWN', message = response.statusText, details } = error ?? {};
  return new ServerRefused(code, message, response.status, details);
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
