import pg from 'pg';

type OnPayload = (payload: string) => void;
type Execute = (statement: string) => Promise<void>;

/** Delivers NOTIFY payloads; one adapter for PGlite's only session, one with a connection of its own. */
export interface Listener {
  listen(channel: string, onPayload: OnPayload, execute: Execute): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

class Channels {
  private readonly handlers = new Map<string, Set<OnPayload>>();

  get names(): readonly string[] {
    return [...this.handlers.keys()];
  }

  /** True when this is the channel's first handler. */
  add(channel: string, handler: OnPayload): boolean {
    const known = this.handlers.get(channel);
    if (known === undefined) this.handlers.set(channel, new Set([handler]));
    else known.add(handler);
    return known === undefined;
  }

  /** True when it was the channel's last handler. */
  remove(channel: string, handler: OnPayload): boolean {
    const known = this.handlers.get(channel);
    known?.delete(handler);
    if (known?.size !== 0) return false;
    this.handlers.delete(channel);
    return true;
  }

  deliver(channel: string, payload: string): void {
    for (const handler of this.handlers.get(channel) ?? []) handler(payload);
  }
}

const quoted = (channel: string): string => pg.escapeIdentifier(channel);

/** Shares the embedded session; the database hands it each notification that the session receives. */
export class EmbeddedListener implements Listener {
  private readonly channels = new Channels();

  async listen(channel: string, onPayload: OnPayload, execute: Execute): Promise<() => Promise<void>> {
    if (this.channels.add(channel, onPayload)) await execute(`listen ${quoted(channel)}`);
    return async () => {
      if (this.channels.remove(channel, onPayload)) await execute(`unlisten ${quoted(channel)}`);
    };
  }

  deliver(channel: string, payload: string): void {
    this.channels.deliver(channel, payload);
  }

  async close(): Promise<void> {
    // The session ends with the database.
  }
}

/** One connection of its own that listens to every channel and comes back by itself, with backoff up to 2 s. */
export class ServerListener implements Listener {
  private readonly channels = new Channels();
  private client: pg.Client | undefined;
  private connecting: Promise<pg.Client> | undefined;
  private closed = false;
  private attempts = 0;

  constructor(private readonly config: pg.ClientConfig) {}

  async listen(channel: string, onPayload: OnPayload): Promise<() => Promise<void>> {
    this.channels.add(channel, onPayload);
    await (await this.connected()).query(`listen ${quoted(channel)}`);
    return async () => {
      if (this.channels.remove(channel, onPayload)) await this.client?.query(`unlisten ${quoted(channel)}`);
    };
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.connecting?.catch(() => undefined);
    await this.client?.end().catch(() => undefined);
  }

  private connected(): Promise<pg.Client> {
    if (this.client !== undefined) return Promise.resolve(this.client);
    this.connecting ??= this.connect().finally(() => {
      this.connecting = undefined;
    });
    return this.connecting;
  }

  private async connect(): Promise<pg.Client> {
    const client = new pg.Client(this.config);
    client.on('notification', (message) => this.channels.deliver(message.channel, message.payload ?? ''));
    client.on('error', () => undefined);
    await client.connect();
    client.once('end', () => this.lost(client));
    for (const channel of this.channels.names) await client.query(`listen ${quoted(channel)}`);
    this.client = client;
    this.attempts = 0;
    return client;
  }

  private lost(client: pg.Client): void {
    if (this.client === client) this.client = undefined;
    this.retry();
  }

  private retry(): void {
    if (this.closed) return;
    this.attempts += 1;
    const delay = Math.min(2_000, 50 * 2 ** this.attempts) * (0.5 + Math.random() / 2);
    setTimeout(() => void this.reconnect(), delay).unref();
  }

  private async reconnect(): Promise<void> {
    if (this.closed) return;
    try {
      await this.connected();
      for (const channel of this.channels.names) this.channels.deliver(channel, '');
    } catch {
      this.retry();
    }
  }
}
