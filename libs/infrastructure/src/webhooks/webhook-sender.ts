import { createHmac } from 'node:crypto';
import type { Secret } from '#infra/config/secret.js';
import type { Outbound } from '#infra/shared-state/outbound.js';
import { retryAfterMs } from '#infra/shared-state/retry-after.js';
import { traceHeaders } from '#infra/telemetry/log-scope.js';

export interface WebhookSettings {
  /** The name of the receiver for breakers and bulkheads. */
  readonly integration: string;
  readonly url: string;
  readonly secret: Secret;
  /** Of one attempt, in ms. */
  readonly timeoutMs: number;
  /** Attempts of one `send`, and the first pause between them in ms. */
  readonly attempts: number;
  readonly pauseMs: number;
  /** The headers of the receiver's own scheme: the signature, hex HMAC-SHA256 of the body, and the kind of the message. */
  readonly headers: { readonly signature: string; readonly event: string };
}

/** What became of a message. `refused`: the receiver will never take it; `failed`: it may later. */
export type Sent =
  | { readonly kind: 'delivered' | 'refused'; readonly statusCode: number }
  | {
      readonly kind: 'failed';
      readonly statusCode: number | null;
      readonly reason: string;
      readonly retryAfterSeconds: number | null;
    };

export interface Message {
  /** The same in every attempt, so that a receiver can tell a repeat. */
  readonly id: string;
  readonly event: string;
  /** Sent and signed as it is. */
  readonly body: string;
}

/** The platform's own calls have one breaker, of nobody's tenant. */
const TENANT = '_system';
/** Statuses after which the same message may be taken later. */
const LATER = new Set([408, 425, 429]);
const LONGEST_RETRY_AFTER_S = 3_600;

/** An answer that asks for another attempt. */
class AskedAgain extends Error {
  constructor(
    readonly statusCode: number,
    readonly retryAfterSeconds: number | null,
  ) {
    super(`the receiver answered ${statusCode}`);
    this.name = 'AskedAgain';
  }
}

/** Sends signed messages to one receiver, without following redirects. The secret and the body are never logged. */
export class WebhookSender {
  constructor(
    private readonly settings: WebhookSettings,
    private readonly outbound: Outbound,
    /** Wall clock in ms. */
    private readonly now: () => number = Date.now,
  ) {}

  /** Rejects only with the reason of its signal. */
  async send(message: Message, signal?: AbortSignal): Promise<Sent> {
    const { integration, timeoutMs, attempts, pauseMs } = this.settings;
    try {
      const statusCode = await this.outbound.call(
        {
          tenantId: TENANT,
          integration,
          options: { timeoutMs, attempts, pauseMs },
          // Who says when to come back is not asked sooner.
          retryable: (error) => !(error instanceof AskedAgain) || error.retryAfterSeconds === null,
          counts: (error) => !(error instanceof AskedAgain) || error.statusCode >= 500,
          ...(signal === undefined ? {} : { signal }),
        },
        (within) => this.post(message, within),
      );
      return { kind: statusCode < 300 ? 'delivered' : 'refused', statusCode };
    } catch (error) {
      if (signal?.aborted === true) throw error;
      if (!(error instanceof AskedAgain))
        return { kind: 'failed', statusCode: null, reason: reasonOf(error), retryAfterSeconds: null };
      const { statusCode, retryAfterSeconds } = error;
      return { kind: 'failed', statusCode, reason: `status ${statusCode}`, retryAfterSeconds };
    }
  }

  /** The status of an answer that ends it. */
  private async post(message: Message, signal: AbortSignal): Promise<number> {
    const { url } = this.settings;
    const headers = { ...this.headersOf(message), ...traceHeaders() };
    const answer = await fetch(url, { method: 'POST', body: message.body, headers, redirect: 'manual', signal });
    // What the receiver says is of no use, however long it is.
    await answer.body?.cancel().catch(() => undefined);
    if (answer.status >= 500 || LATER.has(answer.status))
      throw new AskedAgain(answer.status, secondsOf(answer.headers.get('retry-after'), this.now()));
    return answer.status;
  }

  /** The receiver's own headers, and those of Standard Webhooks, whose signature covers the id and the time too. */
  private headersOf({ id, event, body }: Message): Record<string, string> {
    const { headers, secret } = this.settings;
    const key = secret.reveal();
    const timestamp = String(Math.floor(this.now() / 1_000));
    const signed = createHmac('sha256', standardKey(key)).update(`${id}.${timestamp}.${body}`).digest('base64');
    return {
      'content-type': 'application/json',
      [headers.signature]: createHmac('sha256', key).update(body).digest('hex'),
      [headers.event]: event,
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signed}`,
    };
  }
}

/** Standard Webhooks: a secret that begins with `whsec_` is the key in base64. */
function standardKey(secret: string): Buffer | string {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret;
}

/** `Retry-After` in seconds or as a date, an hour at most; null for what is neither. */
function secondsOf(value: string | null, now: number): number | null {
  const ms = retryAfterMs(value, now);
  return ms === undefined ? null : Math.min(LONGEST_RETRY_AFTER_S, Math.ceil(ms / 1_000));
}

/** A word for the audit log, without what an error may carry. */
function reasonOf(error: unknown): string {
  const row = (error as { readonly row?: { readonly code?: unknown } }).row;
  return typeof row?.code === 'string' ? row.code : 'network error';
}
