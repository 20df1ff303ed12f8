import { Reranker } from '#infra/adapters/rerank/reranker.js';
import { BedrockSearch } from '#infra/adapters/retrieval/bedrock-search.js';
import { DiscoverySearch } from '#infra/adapters/retrieval/discovery-search.js';
import type { Config } from '#infra/config/config.js';
import type { ProviderSearch } from '#infra/retrieval/found.js';
import { RetrievalRouter } from '#infra/retrieval/retrieval-router.js';
import type { Outbound } from '#infra/shared-state/outbound.js';

/** Every place where passages come from, as configured. No SDK is loaded before a corpus needs it. */
export function openRouter(
  options: { readonly config: Config; readonly onProblem: (error: unknown, where: string) => void },
  outbound: Outbound,
  local: ProviderSearch,
): RetrievalRouter {
  const { retrieval: config } = options.config;
  return new RetrievalRouter({
    providers: {
      local_pgvector: local,
      aws_bedrock_kb: new BedrockSearch(outbound, { endpoint: config.BEDROCK_ENDPOINT_URL }),
      gcp_vertex: new DiscoverySearch(outbound, { endpoint: config.DISCOVERY_ENGINE_ENDPOINT_URL }),
    },
    reranker: new Reranker(outbound, {
      url: config.RERANK_URL,
      model: config.RERANK_MODEL,
      apiKey: config.RERANK_API_KEY,
      style: config.RERANK_STYLE,
      allowedOrigins: config.RERANK_ALLOWED_ORIGINS,
    }),
    rerankCandidates: config.RERANK_CANDIDATES,
    onProblem: (error) => options.onProblem(error, 'retrieval'),
  });
}
