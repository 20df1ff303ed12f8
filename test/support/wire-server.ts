import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A request as it came over the wire. `json` is undefined where the body is none. */
export interface WireRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly json: unknown;
}

interface AnswerHead {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a well-behaved service answers: JSON, bytes, or a body that comes in pieces. */
export type WireAnswer = AnswerHead &
  (
    | { readonly json: unknown }
    | { readonly bytes: Buffer | string }
    | { readonly chunks: readonly (Buffer | string)[]; readonly everyMs?: number }
  );

/**
 * How a service treats one request. A number or an object is a status with nothing useful in it; `hang` and `slow-headers`
 * never begin to answer (the latter keeps the request in hand, the former does not even read it); `slow-tokens` sends the first
 * piece and then nothing; `drop` closes at once, `drop-mid-stream` after half the body; `garbage` is not HTTP, `garbage-body` is
 * a 200 whose body is not what it claims, `garbage-mid-stream` one whose second half of events is not.
 */
export type Manner =
  | number
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly json?: unknown }
  | 'behave'
  | 'hang'
  | 'slow-headers'
  | 'slow-tokens'
  | 'drop'
  | 'drop-mid-stream'
  | 'garbage'
  | 'garbage-body'
  | 'garbage-mid-stream';

export type WireRoute = (request: WireRequest) => WireAnswer | Promise<WireAnswer>;

/** A local service over HTTP that speaks what its routes say and misbehaves as it is told, request by request. */
export class WireServer {
  /** Those that were read whole, in order. */
  readonly requests: WireRequest[] = [];
  /** The first one is taken by each request; when none is left the service behaves. */
  readonly manners: Manner[] = [];
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly routes: readonly (readonly [method: string, pattern: RegExp, route: WireRoute])[],
  ) {}

  /** Routes are named by method and path, e.g. `POST /v1/embeddings`; a `*` in the path is one segment or more. */
  static async open(routes: Readonly<Record<string, WireRoute>>): Promise<WireServer> {
    const server = createServer();
    const opened = new WireServer(
      server,
      Object.entries(routes).map(([name, route]) => {
        const [method = '', path = ''] = name.split(' ');
        return [method, patternOf(path), route] as const;
      }),
    );
    server.on('connection', (socket) => {
      opened.sockets.add(socket);
      socket.on('close', () => opened.sockets.delete(socket));
    });
    server.on('request', (request, response) => void opened.take(request, response).catch(() => response.destroy()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return opened;
  }

  /** Without a slash at the end. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get openSockets(): number {
    return this.sockets.size;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async take(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const manner = this.manners.shift() ?? 'behave';
    if (manner === 'hang') return;
    if (manner === 'drop') {
      incoming.socket.destroy();
      return;
    }
    const request = await read(incoming);
    this.requests.push(request);
    if (manner === 'slow-headers') return;
    if (manner === 'garbage') {
      incoming.socket.end('not HTTP at all\r\n\r\n');
      return;
    }
    if (typeof manner === 'number')
      return respond(response, { status: manner, json: { error: { message: 'told to' } } });
    if (typeof manner === 'object') return respond(response, { json: { error: { message: 'told to' } }, ...manner });
    await behave(response, await this.answerOf(request), manner);
  }

  private async answerOf(request: WireRequest): Promise<WireAnswer> {
    const found = this.routes.find(([method, pattern]) => method === request.method && pattern.test(request.path));
    if (found === undefined)
      return { status: 404, json: { error: { message: `no ${request.method} ${request.path}` } } };
    return found[2](request);
  }
}

function patternOf(path: string): RegExp {
  const escaped = path.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${escaped.join('.+')}$`);
}

async function read(incoming: IncomingMessage): Promise<WireRequest> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const body = Buffer.concat(parts);
  const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://wire');
  return {
    method: incoming.method ?? '',
    path: decodeURIComponent(pathname),
    query: searchParams,
    headers: incoming.headers,
    body,
    json: parsed(body),
  };
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

async function behave(
  response: ServerResponse,
  answer: WireAnswer,
  manner: 'behave' | 'slow-tokens' | 'drop-mid-stream' | 'garbage-body' | 'garbage-mid-stream',
): Promise<void> {
  if (manner === 'behave') return respond(response, answer);
  const pieces = piecesOf(answer);
  response.writeHead(answer.status ?? 200, { 'content-type': typeOf(answer), ...answer.headers });
  if (manner === 'garbage-body') {
    response.end('\u0001{"this is": not what was asked for');
    return;
  }
  const half = manner === 'slow-tokens' ? pieces.slice(0, 1) : pieces.slice(0, Math.ceil(pieces.length / 2));
  for (const piece of half) response.write(piece);
  if (manner === 'garbage-mid-stream') response.end('data: {"this is": not what was asked for\n\n');
  // What was written is on its way before the connection is cut.
  if (manner === 'drop-mid-stream') setImmediate(() => response.socket?.destroy());
}

async function respond(response: ServerResponse, answer: WireAnswer): Promise<void> {
  response.writeHead(answer.status ?? 200, { 'content-type': typeOf(answer), ...answer.headers });
  for (const piece of piecesOf(answer)) {
    if (response.destroyed) return;
    response.write(piece);
    if ('chunks' in answer && answer.everyMs !== undefined) {
      await new Promise((resolve) => setTimeout(resolve, answer.everyMs));
    }
  }
  response.end();
}

function typeOf(answer: WireAnswer): string {
  if ('json' in answer) return 'application/json';
  return 'chunks' in answer ? 'text/event-stream' : 'application/octet-stream';
}

function piecesOf(answer: WireAnswer): readonly (Buffer | string)[] {
  if ('chunks' in answer) return answer.chunks;
  if ('bytes' in answer) return halves(Buffer.from(answer.bytes));
  return halves(Buffer.from(JSON.stringify(answer.json)));
}

function halves(bytes: Buffer): readonly Buffer[] {
  const middle = Math.ceil(bytes.length / 2);
  return [bytes.subarray(0, middle), bytes.subarray(middle)];
}
