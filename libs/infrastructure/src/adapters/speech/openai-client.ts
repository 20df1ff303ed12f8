import type OpenAI from 'openai';
import type { APIError } from 'openai';
import type { Outbound, OutboundCall } from '#infra/shared-state/outbound.js';
import { retryAfterMs } from '#infra/shared-state/retry-after.js';
import { failureOfStatus, SpeechFailure } from './speech-errors.js';

export interface OpenAiServer {
  readonly baseUrl: string;
  /** Undefined for a server of one's own that asks for none. */
  readonly apiKey: string | undefined;
}

/** The official client, loaded when it is first needed. Repetition, deadlines and breakers are `Outbound`'s. */
export class OpenAiSpeechClient {
  private client: Promise<OpenAI> | undefined;

  constructor(
    private readonly outbound: Outbound,
    private readonly server: OpenAiServer,
    private readonly call: Pick<OutboundCall, 'integration' | 'options'>,
  ) {}

  /** One request. Throws SpeechFailure, the caller's abort reason, or a CatalogueError of `outboundErrors`. */
  async ask<T>(
    of: { readonly tenantId: string; readonly signal?: AbortSignal },
    work: (client: OpenAI, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const client = await (this.client ??= open(this.server));
    const call: OutboundCall = {
      ...this.call,
      ...of,
      retryable: (error) => error instanceof SpeechFailure && isPassing(error),
      counts: (error) => !(error instanceof SpeechFailure) || error.fault === 'failed',
      retryAfterMs: (error) => (error instanceof SpeechFailure ? error.retryAfterMs : undefined),
    };
    return this.outbound.call(call, (signal) => work(client, signal).catch(refused));
  }
}

/** A limit passes when its server says when. */
const isPassing = ({ fault, retryAfterMs: told }: SpeechFailure): boolean =>
  fault === 'failed' || (fault === 'rateLimited' && told !== undefined);

async function open({ baseUrl, apiKey }: OpenAiServer): Promise<OpenAI> {
  const { default: Client } = await import('openai');
  return new Client({
    baseURL: baseUrl,
    apiKey: apiKey ?? 'none',
    // One connection a request: nothing stays open to a service that is asked now and then.
    defaultHeaders: { Connection: 'close', ...(apiKey === undefined ? { Authorization: null } : {}) },
    organization: null,
    project: null,
    maxRetries: 0,
    timeout: 600_000,
    logLevel: 'off',
  });
}

function refused(error: unknown): never {
  if (error instanceof SpeechFailure) throw error;
  const { status, headers } = error as Partial<APIError<number>>;
  if (typeof status !== 'number') throw new SpeechFailure('failed', error);
  throw failureOfStatus(status, error, retryAfterMs(headers?.get('retry-after')));
}
