import { randomBytes } from 'node:crypto';

import type { Logger } from './logger.js';

type Attribute = string | number | boolean;

export interface SpanStart {
  /** The W3C trace context of the caller; a new trace begins without one. */
  readonly traceparent?: string | null;
  readonly kind?: 'server' | 'client' | 'internal';
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** A piece of work in a trace. */
export interface Span {
  /** What is handed on to whoever works for this span. */
  readonly traceparent: string;
  end(outcome?: { readonly failed?: boolean; readonly attributes?: Readonly<Record<string, Attribute>> }): void;
}

export interface Tracing {
  start(name: string, options?: SpanStart): Span;
  /** Sends what is waiting, and no more after that. */
  close(): Promise<void>;
}

export interface TracingOptions {
  /** The base address of an OTLP/HTTP collector, e.g. `http://localhost:4318`. */
  readonly endpoint: string;
  readonly serviceName: string;
  readonly logger: Logger;
}

const KIND = { internal: 1, server: 2, client: 3 } as const;
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const MAX_WAITING = 4_096;
const BATCH = 512;
const SEND_EVERY_MS = 5_000;
const SEND_TIMEOUT_MS = 10_000;

const nanos = (millis: number): string => `${Math.round(millis * 1_000)}000`;
const clock = (): number => performance.timeOrigin + performance.now();

function valueOf(value: Attribute): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

function attributesOf(attributes: Readonly<Record<string, Attribute>>): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: valueOf(value) }));
}

/** Makes spans and sends them in batches as OTLP/HTTP JSON (OpenTelemetry protocol 1.x). A slow collector costs spans, never requests. */
export class OtlpTracing implements Tracing {
  readonly #options: TracingOptions;
  readonly #timer: NodeJS.Timeout;
  #waiting: object[] = [];
  #sending: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: TracingOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#send(), SEND_EVERY_MS).unref();
  }

  start(name: string, options: SpanStart = {}): Span {
    const [, traceId = randomBytes(16).toString('hex'), parentSpanId, flags = '01'] =
      TRACEPARENT.exec(options.traceparent ?? '') ?? [];
    const spanId = randomBytes(8).toString('hex');
    const sampled = (Number.parseInt(flags, 16) & 1) === 1;
    const startedAt = clock();
    return {
      traceparent: `00-${traceId}-${spanId}-${flags}`,
      end: (outcome = {}) => {
        if (!sampled) return;
        this.#add({
          traceId,
          spanId,
          ...(parentSpanId === undefined ? {} : { parentSpanId }),
          name,
          kind: KIND[options.kind ?? 'internal'],
          startTimeUnixNano: nanos(startedAt),
          endTimeUnixNano: nanos(clock()),
          attributes: attributesOf({ ...options.attributes, ...outcome.attributes }),
          status: outcome.failed === true ? { code: 2 } : {},
        });
      },
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#send();
    this.#closed = true;
    await this.#sending;
  }

  #add(span: object): void {
    if (this.#closed || this.#waiting.length >= MAX_WAITING) return;
    this.#waiting.push(span);
    if (this.#waiting.length === BATCH) this.#send();
  }

  #send(): void {
    const spans = this.#waiting;
    if (spans.length === 0) return;
    this.#waiting = [];
    this.#sending = this.#sending.then(() => this.#post(spans));
  }

  async #post(spans: readonly object[]): Promise<void> {
    const { endpoint, serviceName, logger } = this.#options;
    const resource = { attributes: attributesOf({ 'service.name': serviceName }) };
    const body = JSON.stringify({
      resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'nexusrag' }, spans }] }],
    });
    try {
      const response = await fetch(`${endpoint.replace(/\/+$/, '')}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
      });
      await response.arrayBuffer();
      if (!response.ok)
        logger.warn({ status: response.status, spans: spans.length }, 'the trace collector refused spans');
    } catch (error) {
      logger.warn({ err: error, spans: spans.length }, 'the trace collector can not be reached');
    }
  }
}

/** Tracing to the collector at `endpoint`, or undefined when there is none: then no span is made at all. */
export function createTracing(
  options: Omit<TracingOptions, 'endpoint'> & { readonly endpoint: string | undefined },
): Tracing | undefined {
  const { endpoint } = options;
  return endpoint === undefined ? undefined : new OtlpTracing({ ...options, endpoint });
}
