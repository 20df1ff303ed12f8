import type { FastifyReply } from 'fastify';

import { edgeOf } from './context.js';
import type { StreamRegistry } from './stream-registry.js';

/** One server-sent event; `data` is sent as compact JSON, or as it is when it is a string (one line). */
export interface SseFrame {
  readonly event: string;
  readonly id: string | number;
  readonly data: unknown;
}

export interface SseOptions {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream that was silent for this many milliseconds sends what `heartbeat` returns. */
  readonly heartbeatMs?: number;
  readonly heartbeat?: () => SseFrame | string;
}

/** Every answer ends so; a reason of its own would cost each of them a stack. */
const GONE = new DOMException('This operation was aborted', 'AbortError');

/** The text of a frame: `event`, `id`, `data`, and an empty line (WHATWG HTML, server-sent events). */
export function frameText(frame: SseFrame): string {
  const data = typeof frame.data === 'string' ? frame.data : JSON.stringify(frame.data);
  return `event: ${frame.event}\nid: ${frame.id}\ndata: ${data}\n\n`;
}

/** A stream of server-sent events over one answer. Writing waits for the client; the client's leaving aborts `signal`. */
export class SseStream {
  readonly #reply: FastifyReply;
  readonly #gone = new AbortController();
  readonly #options: SseOptions;
  #timer: NodeJS.Timeout | undefined;
  #sent = false;
  #ended = false;

  /** Sends status and headers. From here on the answer belongs to the stream. */
  static open(reply: FastifyReply, options: SseOptions = {}): SseStream {
    return new SseStream(reply, options);
  }

  private constructor(reply: FastifyReply, options: SseOptions) {
    this.#reply = reply;
    this.#options = options;
    edgeOf(reply.request).answered = true;
    reply.hijack();
    const { raw } = reply;
    raw.on('close', () => this.#close());
    raw.on('error', () => this.#close());
    // A client that left before now is not told of again.
    if (raw.destroyed || raw.closed) this.#close();
    raw.writeHead(options.status ?? 200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache',
      connection: 'keep-alive',
      'x-accel-buffering': 'no',
      ...options.headers,
    });
    raw.socket?.setNoDelay(true);
    // With the first frame, where that is there already.
    setImmediate(() => {
      if (!this.#sent && !this.#ended && !raw.destroyed) raw.flushHeaders();
    });
    this.#arm();
  }

  /** Aborted when the client has left or the stream has ended. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  get open(): boolean {
    return !this.#ended && !this.#gone.signal.aborted;
  }

  /** Writes a frame, or text that is already framed; resolves when the client has taken enough for more. False: nobody listens. */
  async send(frame: SseFrame | string): Promise<boolean> {
    if (!this.open) return false;
    this.#arm();
    const text = typeof frame === 'string' ? frame : frameText(frame);
    this.#sent = true;
    if (!this.#reply.raw.write(text)) await this.#drained();
    return this.open;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#reply.raw.end();
  }

  /** Breaks the connection: for a client that takes nothing, and would never see an end. */
  cut(): void {
    this.#ended = true;
    this.#reply.raw.destroy();
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#gone.abort(GONE);
  }

  #arm(): void {
    const { heartbeat, heartbeatMs } = this.#options;
    if (heartbeat === undefined || heartbeatMs === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.send(heartbeat()), heartbeatMs);
    this.#timer.unref();
  }

  #drained(): Promise<void> {
    const { raw } = this.#reply;
    return new Promise((resolve) => {
      const done = (): void => {
        raw.off('drain', done);
        this.#gone.signal.removeEventListener('abort', done);
        resolve();
      };
      raw.once('drain', done);
      this.#gone.signal.addEventListener('abort', done, { once: true });
    });
  }
}

/** Opens the stream of one request when the handler has decided that there will be one. */
export class StreamOpener {
  readonly #reply: FastifyReply;
  readonly #registry: StreamRegistry;

  constructor(reply: FastifyReply, registry: StreamRegistry) {
    this.#reply = reply;
    this.#registry = registry;
  }

  /** Aborted when the client leaves before it has an answer that is no stream. */
  left(): AbortSignal {
    const gone = new AbortController();
    const { raw } = this.#reply;
    raw.once('close', () => gone.abort(GONE));
    if (raw.destroyed || raw.closed) gone.abort(GONE);
    return gone.signal;
  }

  open(options?: SseOptions): SseStream {
    return this.#registry.track(SseStream.open(this.#reply, options));
  }
}
