import { CatalogueError, defineErrors } from '#domain/kernel/errors.js';
import type { Secret } from '#infra/config/secret.js';
import { callService, failureOfStatus, type Failure } from '#infra/adapters/retrieval/service-call.js';
import { outboundErrors, type Outbound } from '#infra/shared-state/outbound.js';

/** A second opinion on candidates. */
export interface RerankRequest {
  readonly tenantId: string;
  readonly query: string;
  readonly texts: readonly string[];
  /** Another endpoint, and another model, than the configured ones. */
  readonly url?: string | undefined;
  readonly model?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Judgement {
  /** Place in the request's texts. */
  readonly index: number;
  readonly score: number;
}

export type RerankProblem =
  'rerank_unconfigured' | 'rerank_not_allowed' | 'rerank_timeout' | 'rerank_unavailable' | 'rerank_error';

export interface RerankOptions {
  readonly url?: string | undefined;
  readonly model?: string | undefined;
  readonly apiKey?: Secret | undefined;
  readonly style: 'cohere' | 'tei';
  readonly allowedOrigins: readonly string[];
}

const rerankErrors = defineErrors('rerank', {
  auth: ['unavailable', 'RERANK_AUTH_ERROR', 'The reranker refused its key'],
  failed: ['unavailable', 'RERANK_ERROR', 'The reranker failed'],
});

/** Any `/rerank` endpoint, of the form of Cohere, Jina and vLLM or of Text Embeddings Inference. Never fails a search. */
export class Reranker {
  constructor(
    private readonly outbound: Outbound,
    private readonly options: RerankOptions,
  ) {}

  get configured(): boolean {
    return this.options.url !== undefined;
  }

  modelOf(request: Pick<RerankRequest, 'model'>): string | null {
    return request.model ?? this.options.model ?? null;
  }

  /** The judged texts, best first, or why there is no judgement. Rejects with the signal's reason only. */
  async rerank(request: RerankRequest): Promise<readonly Judgement[] | RerankProblem> {
    const url = request.url ?? this.options.url;
    if (url === undefined) return 'rerank_unconfigured';
    if (!this.allows(url)) return 'rerank_not_allowed';
    try {
      const call = { tenantId: request.tenantId, integration: 'rerank', signal: request.signal };
      const errors = { auth: rerankErrors.auth, failed: rerankErrors.failed };
      return await callService(this.outbound, { ...call, classify: failureOf, errors }, (signal) =>
        this.ask(url, request, signal),
      );
    } catch (error) {
      request.signal?.throwIfAborted();
      return problemOf(error);
    }
  }

  /** Texts of documents go to no address that the operator did not name. */
  private allows(url: string): boolean {
    const { url: own, allowedOrigins } = this.options;
    if (url === own) return true;
    return URL.canParse(url) && allowedOrigins.includes(new URL(url).origin);
  }

  private async ask(url: string, request: RerankRequest, signal: AbortSignal): Promise<readonly Judgement[]> {
    const { apiKey, style, url: own } = this.options;
    const model = this.modelOf(request);
    const named = model === null ? {} : { model };
    const { query, texts } = request;
    const body =
      style === 'tei'
        ? { query, texts, truncate: true }
        : { ...named, query, documents: texts, top_n: texts.length, return_documents: false };
    const authorization = apiKey !== undefined && url === own ? { authorization: `Bearer ${apiKey.reveal()}` } : {};
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...authorization },
      body: JSON.stringify(body),
      redirect: 'error',
      signal,
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new RerankRefused(response.status, response.headers.get('retry-after'));
    }
    return judgementsOf(await response.json(), texts.length);
  }
}

class RerankRefused extends Error {
  constructor(
    readonly status: number,
    readonly retryAfter: string | null,
  ) {
    super(`the reranker answered ${status}`);
  }
}

function failureOf(error: unknown): Failure {
  return error instanceof RerankRefused ? failureOfStatus(error.status, error.retryAfter) : { kind: 'ill' };
}

function problemOf(error: unknown): RerankProblem {
  if (!(error instanceof CatalogueError)) return 'rerank_error';
  if (error.cause instanceof CatalogueError && error.cause.row === outboundErrors.timedOut) return 'rerank_timeout';
  return error.row === outboundErrors.open || error.row === outboundErrors.full ? 'rerank_unavailable' : 'rerank_error';
}

/** `{results: [{index, relevance_score}]}` or `[{index, score}]`; an answer that judges nothing is none. */
function judgementsOf(answer: unknown, count: number): readonly Judgement[] {
  const listed = Array.isArray(answer) ? answer : (answer as { readonly results?: unknown } | null)?.results;
  const judgements = Array.isArray(listed) ? (listed as readonly unknown[]).map(judgementOf) : [];
  const places = new Set(judgements.map(({ index }) => index));
  const sound = judgements.every(({ index, score }) => index >= 0 && index < count && Number.isFinite(score));
  if (!sound || places.size < judgements.length || places.size === 0)
    throw new Error('the reranker judged nothing, or what it was not asked');
  return judgements.sort((a, b) => b.score - a.score || a.index - b.index);
}

function judgementOf(said: unknown): Judgement {
  const { index, relevance_score, score } = (said ?? {}) as Readonly<Record<string, unknown>>;
  const value = relevance_score ?? score;
  return {
    index: typeof index === 'number' && Number.isInteger(index) ? index : -1,
    score: typeof value === 'number' ? value : Number.NaN,
  };
}
