import { connect, type Socket } from 'node:net';

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  /** By lower-case name; the last of several. */
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
  /** False for a stream that was left before its end. */
  readonly whole: boolean;
}

interface Head {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly bodyAt: number;
}

function headOf(bytes: Buffer): Head | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1];
  if (status === undefined) throw new Error(`this is no HTTP answer: ${first.slice(0, 80)}`);
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { status: Number(status), headers: new Map(headers), bodyAt: end + 4 };
}

/** The body of a chunked answer and where it ends; `end` is undefined while more is to come. */
function unchunked(bytes: Buffer, from: number): { readonly body: Buffer; readonly end: number | undefined } {
  const parts: Buffer[] = [];
  let at = from;
  for (;;) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) return { body: Buffer.concat(parts), end: undefined };
    const size = Number.parseInt(bytes.subarray(at, line).toString('latin1'), 16);
    if (Number.isNaN(size)) throw new Error('a chunk has no size');
    const next = line + 2 + size + 2;
    if (next > bytes.length) return { body: Buffer.concat(parts), end: undefined };
    if (size === 0) return { body: Buffer.concat(parts), end: next };
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = next;
  }
}

interface Parsed {
  readonly answer: RawAnswer;
  /** Where the next answer begins; undefined when this one is not whole. */
  readonly end: number | undefined;
}

function parse(bytes: Buffer, closed: boolean, bodyless: boolean): Parsed | undefined {
  const head = headOf(bytes);
  if (head === undefined) return undefined;
  const { status, headers, bodyAt } = head;
  const as = (body: Buffer, end: number | undefined): Parsed => ({
    answer: { status, headers, text: body.toString('utf8'), whole: end !== undefined },
    end,
  });
  if (bodyless || status === 204 || status === 304 || status < 200) return as(Buffer.alloc(0), bodyAt);
  if (headers.get('transfer-encoding') === 'chunked') {
    const { body, end } = unchunked(bytes, bodyAt);
    return as(body, end);
  }
  const length = headers.get('content-length');
  if (length === undefined) return as(bytes.subarray(bodyAt), closed ? bytes.length : undefined);
  const end = bodyAt + Number(length);
  return as(bytes.subarray(bodyAt, end), bytes.length >= end ? end : undefined);
}

export interface Patience {
  /** A stream of events that says nothing for this long is left. */
  readonly streamIdleMs?: number;
  /** Without any byte for this long, there is no answer. */
  readonly giveUpMs?: number;
  /** The answer has no body, because HEAD was asked. */
  readonly bodyless?: boolean;
}

/** One connection that is kept as long as both sides keep it. Sends bytes as they are, and gives what comes back. */
export class RawConnection {
  private socket: Socket | undefined;
  private received: Buffer = Buffer.alloc(0);
  private ended = false;
  private wake: () => void = () => undefined;

  constructor(private readonly port: number) {}

  /** Undefined when the server closed the connection, or stayed silent, without an answer. */
  async exchange(request: Buffer | string, patience: Patience = {}): Promise<RawAnswer | undefined> {
    const socket = this.open();
    socket.write(request);
    const answer = await this.read(patience);
    if (answer === undefined || !answer.whole || answer.headers.get('connection') === 'close') this.close();
    return answer;
  }

  /** What answers there are to what was written, in order, until the connection ends or falls silent. */
  async all(request: Buffer | string, patience: Patience = {}): Promise<readonly RawAnswer[]> {
    this.open().write(request);
    const answers: RawAnswer[] = [];
    for (;;) {
      const answer = await this.read(patience);
      if (answer === undefined) return answers;
      answers.push(answer);
    }
  }

  close(): void {
    this.socket?.destroy();
    this.socket = undefined;
  }

  private open(): Socket {
    if (this.socket !== undefined && !this.ended && !this.socket.destroyed) return this.socket;
    this.received = Buffer.alloc(0);
    this.ended = false;
    const socket = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    const end = (): void => {
      if (this.socket !== socket) return;
      this.ended = true;
      this.wake();
    };
    socket.on('data', (chunk) => {
      if (this.socket !== socket) return;
      this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
      this.wake();
    });
    socket.on('error', end).on('end', end).on('close', end);
    this.socket = socket;
    return socket;
  }

  private async read({ streamIdleMs = 400, giveUpMs = 30_000, bodyless = false }: Patience) {
    for (;;) {
      const parsed = parse(this.received, this.ended, bodyless);
      if (parsed?.end !== undefined && parsed.answer.status >= 200) {
        this.received = this.received.subarray(parsed.end);
        return parsed.answer;
      }
      if (parsed !== undefined && parsed.answer.status < 200) {
        this.received = this.received.subarray(parsed.end);
        continue;
      }
      if (this.ended) return parsed?.answer;
      const streaming = parsed?.answer.headers.get('content-type')?.startsWith('text/event-stream') === true;
      if (!(await this.more(streaming ? streamIdleMs : giveUpMs))) return parsed?.answer;
    }
  }

  /** False when nothing came within `ms`. */
  private more(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(false), ms);
      const done = (came: boolean): void => {
        clearTimeout(timer);
        this.wake = () => undefined;
        resolve(came);
      };
      this.wake = () => done(true);
    });
  }
}
