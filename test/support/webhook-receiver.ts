import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the receiver does with one message: a status (with headers), or something that no server should do. */
export type Manner =
  | number
  | { readonly status: number; readonly headers: Readonly<Record<string, string>> }
  | 'hang'
  | 'drop'
  | 'garbage'
  | 'endless';

export interface ReceivedMessage {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** A receiver of webhooks that behaves as it is told, message by message, and answers 200 when nothing is left to do. */
export class WebhookReceiver {
  readonly received: ReceivedMessage[] = [];
  readonly manners: Manner[] = [];

  private constructor(private readonly server: Server) {}

  static async open(): Promise<WebhookReceiver> {
    const server = createServer();
    const receiver = new WebhookReceiver(server);
    server.on('request', (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const body = Buffer.concat(parts).toString();
        receiver.received.push({ headers: request.headers, body, json: JSON.parse(body) as ReceivedMessage['json'] });
        answer(response, receiver.manners.shift() ?? 200);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  /** The messages of one tenant, or of one kind. */
  of(field: 'tenant_id' | 'event_type', value: string): readonly ReceivedMessage[] {
    return this.received.filter(({ json }) => json[field] === value);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function answer(response: ServerResponse, manner: Manner): void {
  if (manner === 'hang') return;
  if (manner === 'drop') response.destroy();
  else if (manner === 'garbage') response.socket?.end('not HTTP at all\r\n\r\n');
  else if (manner === 'endless') {
    response.writeHead(200);
    const write = (): void => {
      if (!response.destroyed) response.write(Buffer.alloc(65_536), () => setImmediate(write));
    };
    write();
  } else if (typeof manner === 'number') response.writeHead(manner).end('{"secret":"echo"}');
  else response.writeHead(manner.status, manner.headers).end();
}
