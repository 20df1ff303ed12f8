/** A server-sent event of a run. */
export interface Frame {
  readonly event: string;
  readonly id: string;
  readonly seq: number;
  /** The type of the envelope; 'heartbeat' for a sign of life. */
  readonly type: string;
  readonly sessionId: string | undefined;
  readonly requestId: string;
  /** `data` of the envelope; the whole of a heartbeat. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The frame's exact text. */
  readonly text: string;
}

interface Sent {
  readonly type?: string;
  readonly request_id: string;
  readonly session_id?: string;
  readonly seq: number;
  readonly data?: Record<string, unknown>;
}

function frameOf(text: string): Frame {
  const lines = text.trimEnd().split('\n');
  const field = (name: string): string => {
    const line = lines.find((each) => each.startsWith(`${name}: `));
    if (line === undefined) throw new Error(`a frame has no ${name}: ${text}`);
    return line.slice(name.length + 2);
  };
  const sent = JSON.parse(field('data')) as Sent;
  return {
    event: field('event'),
    id: field('id'),
    seq: sent.seq,
    type: sent.type ?? 'heartbeat',
    sessionId: sent.session_id,
    requestId: sent.request_id,
    data: sent.data ?? { ...sent },
    text,
  };
}

/** The frames of one streamed answer, read as they come. */
export class EventStream {
  readonly status: number;
  readonly headers: Headers;
  readonly frames: Frame[] = [];
  private pending = '';
  private readonly reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  private readonly decoder = new TextDecoder();

  constructor(
    response: Response,
    private readonly leaving: AbortController,
  ) {
    this.status = response.status;
    this.headers = response.headers;
    this.reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
  }

  /** All that was read so far. */
  get text(): string {
    return this.frames.map((frame) => frame.text).join('') + this.pending;
  }

  /** The next frame; undefined when the stream has ended. A connection that breaks ends it too. */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      const end = this.pending.indexOf('\n\n');
      if (end >= 0) {
        const frame = frameOf(this.pending.slice(0, end + 2));
        this.pending = this.pending.slice(end + 2);
        this.frames.push(frame);
        return frame;
      }
      const part = await this.reader?.read().catch(() => undefined);
      if (part === undefined || part.done) return undefined;
      this.pending += this.decoder.decode(part.value, { stream: true });
    }
  }

  /** Reads up to the first frame of this type; rejects when the stream ends before it. */
  async until(type: string): Promise<Frame> {
    for (;;) {
      const frame = await this.next();
      if (frame === undefined) throw new Error(`the stream ended before ${type}: ${this.text}`);
      if (frame.type === type) return frame;
    }
  }

  /** Reads to the end, and gives every frame of the stream. */
  async rest(): Promise<readonly Frame[]> {
    while ((await this.next()) !== undefined);
    return this.frames;
  }

  /** Drops the connection, as a client that goes away. */
  leave(): void {
    this.leaving.abort();
  }
}
