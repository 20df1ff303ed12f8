import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP proxy that cuts each connection after so many bytes of an answer's body, or when it is told to. */
export class CuttingProxy {
  /** Connections that were cut in the middle of an answer. */
  cuts = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly to: URL,
    private readonly bodyBytes: number,
  ) {
    server.on('connection', (client) => this.join(client));
  }

  static async open(to: string, bodyBytes = Infinity): Promise<CuttingProxy> {
    const server = createServer();
    const proxy = new CuttingProxy(server, new URL(to), bodyBytes);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Cuts every connection that is open now. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
    this.cuts += 1;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(client: Socket): void {
    const server = connect(Number(this.to.port), this.to.hostname);
    let head = '';
    let left = this.bodyBytes;
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    client.pipe(server);
    server.on('data', (bytes: Buffer) => {
      const begun = head.indexOf('\r\n\r\n') >= 0;
      if (!begun) head += bytes.toString('latin1');
      const headEnd = head.indexOf('\r\n\r\n') + 4;
      const body = begun ? bytes.length : headEnd < 4 ? 0 : head.length - headEnd;
      const over = body - left;
      left -= body;
      client.write(over > 0 ? bytes.subarray(0, bytes.length - over) : bytes, () => {
        if (over < 0) return;
        this.cuts += 1;
        client.destroy();
      });
    });
  }
}
