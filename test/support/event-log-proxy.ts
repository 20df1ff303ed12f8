import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** A TCP proxy before a server that can lose answers, drop connections and refuse new ones. */
export class LossyProxy {
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  private losing = false;

  private constructor(
    private readonly server: Server,
    /** The target's URL, through this proxy. */
    readonly url: string,
  ) {}

  /** Listens on `at`, by default on any free port. */
  static async before(target: string, at = 0): Promise<LossyProxy> {
    const { hostname, port } = new URL(target);
    const server = createServer({ noDelay: true });
    server.listen(at, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const url = new URL(target);
    url.port = String(typeof address === 'object' ? address?.port : '');
    const proxy = new LossyProxy(server, url.href);
    server.on('connection', (client) =>
      proxy.join(client, connect({ port: Number(port), host: hostname, noDelay: true })),
    );
    return proxy;
  }

  /** From now on the server hears everything and its answers are lost. */
  loseAnswers(): void {
    this.losing = true;
  }

  drop(): void {
    this.losing = false;
    for (const [client, upstream] of this.pairs) {
      client.destroy();
      upstream.destroy();
    }
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.drop();
    await closed;
  }

  private join(client: Socket, upstream: Socket): void {
    const pair = [client, upstream] as const;
    this.pairs.add(pair);
    client.on('data', (chunk: Buffer) => upstream.write(chunk));
    upstream.on('data', (chunk: Buffer) => {
      if (!this.losing) client.write(chunk);
    });
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.pairs.delete(pair);
        client.destroy();
        upstream.destroy();
      });
    }
  }
}
