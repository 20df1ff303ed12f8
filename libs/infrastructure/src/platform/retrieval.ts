import { Reranker } from '#infra/adapters/rerank/reranker.js';
import { BedrockSearch } from '#infra/adapters/retrieval/bedrock-search.js';
import { DiscoverySearch } from '#infra/adapters/retrieval/discovery-search.js';
import { AllowedSearch, ExternalStores } from '#infra/adapters/retrieval/external-stores.js';
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
  const stores = new ExternalStores(config.EXTERNAL_STORES_ALLOWED);
  const bedrock = new BedrockSearch(outbound, { endpoint: config.BEDROCK_ENDPOINT_URL });
  const discovery = new DiscoverySearch(outbound, { endpoint: config.DISCOVERY_ENGINE_ENDPOINT_URL });
  return new RetrievalRouter({
    providers: {
      local_pgvector: local,
      aws_bedrock_kb: new AllowedSearch(stores, bedrock),
      gcp_vertex: new AllowedSearch(stores, discovery),
    },
    reranker: openReranker(options.config, outbound),
    rerankCandidates: config.RERANK_CANDIDATES,
    onProblem: (error) => options.onProblem(error, 'retrieval'),
  });
}

/** Who looks at candidates a second time, as configured. */
export function openReranker({ retrieval: config }: Pick<Config, 'retrieval'>, outbound: Outbound): Reranker {
  return new Reranker(outbound, {
    url: config.RERANK_URL,
    model: config.RERANK_MODEL,
    apiKey: config.RERANK_API_KEY,
    style: config.RERANK_STYLE,
    allowedOrigins: config.RERANK_ALLOWED_ORIGINS,
  });
}
