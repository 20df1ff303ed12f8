import type { protos, SearchServiceClient } from '@google-cloud/discoveryengine';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { RetrievalSettings } from '#domain/kernel/retrieval/retrieval-settings.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { Found, ProviderSearch } from '#infra/retrieval/found.js';
import type { RetrievalQuery } from '#infra/retrieval/passage.js';
import type { Outbound } from '#infra/shared-state/outbound.js';
import { discoveryFilter } from './discovery-filter.js';
import { CredentialsMissing, failureOfGoogle } from './discovery-failure.js';
import { firstNumber, firstText, foundOutside, type ExternalPassage } from './external-passage.js';
import { retrievalErrors } from './retrieval-errors.js';
import { callService } from './service-call.js';
import { structOf } from './struct.js';

export interface DiscoveryOptions {
  /** Another address than Google's own, e.g. a private endpoint. */
  readonly endpoint?: string | undefined;
}

type Sdk = Pick<typeof import('@google-cloud/discoveryengine'), 'SearchServiceClient'>;
type Result = protos.google.cloud.discoveryengine.v1.SearchResponse.ISearchResult;
type Request = protos.google.cloud.discoveryengine.v1.ISearchRequest;
type CancellableSearch = (
  request: Request,
  options: object,
) => Promise<readonly [readonly Result[]]> & { cancel(): void };

/** More than Discovery Engine gives at once. */
const mostResults = 100;
/** These have a host of their own; every other location is served by the global one. */
const multiRegions = new Set(['us', 'eu']);
/** The SDK's own deadline stands behind ours. */
const sdkTimeoutMs = 120_000;

/** Passages of Vertex AI Search data stores, under the credentials that the process finds around it. */
export class DiscoverySearch implements ProviderSearch {
  private readonly clients = new Map<string, Promise<SearchServiceClient>>();

  constructor(
    private readonly outbound: Outbound,
    private readonly options: DiscoveryOptions = {},
  ) {}

  async search(query: RetrievalQuery, { options }: RetrievalSettings): Promise<Found> {
    const project = firstText(options['project']);
    const location = firstText(options['location']);
    const dataStore = firstText(options['resource_id']);
    if (project === undefined || location === undefined || dataStore === undefined)
      throw new CatalogueError(retrievalErrors.vertexConfigMissing);
    const request: Request = {
      servingConfig: `projects/${project}/locations/${location}/dataStores/${dataStore}/servingConfigs/default_search`,
      query: query.query,
      pageSize: Math.min(mostResults, query.k),
      contentSearchSpec: { snippetSpec: { returnSnippet: true } },
      ...(query.filter === undefined ? {} : { filter: discoveryFilter(query.filter) }),
    };
    // Not within the deadline: the first time it takes a while. What fails here fails again there, under its code.
    const sdk = await import('@google-cloud/discoveryengine');
    await this.client(sdk, location).catch(() => undefined);
    const results = await callService(
      this.outbound,
      {
        tenantId: query.tenantId,
        integration: 'retrieval.gcp_vertex',
        signal: query.signal,
        classify: failureOfGoogle,
        errors: { auth: retrievalErrors.vertexAuth, failed: retrievalErrors.vertexFailed },
      },
      async (signal) => pageOf(await this.client(sdk, location), request, signal),
    );
    return foundOutside(results.map(passageOf), query.k);
  }

  async close(): Promise<void> {
    for (const client of this.clients.values()) await client.then((opened) => opened.close()).catch(() => undefined);
    this.clients.clear();
  }

  /** One that found no credentials looks again the next time. */
  private client(sdk: Sdk, location: string): Promise<SearchServiceClient> {
    const host = multiRegions.has(location) ? `${location}-discoveryengine.googleapis.com` : '';
    const known = this.clients.get(host);
    if (known !== undefined) return known;
    const made = openClient(sdk, addressOf(this.options.endpoint, host));
    this.clients.set(host, made);
    made.catch(() => this.clients.delete(host));
    return made;
  }
}

/** Credentials are looked for here: left to its first call, the SDK would let a failure end the process. */
async function openClient(sdk: Sdk, address: object): Promise<SearchServiceClient> {
  const client = new sdk.SearchServiceClient({ fallback: true, ...address });
  try {
    await client.initialize();
  } catch (error) {
    throw new CredentialsMissing('no Google credentials were found', { cause: error });
  }
  return client;
}

function addressOf(endpoint: string | undefined, host: string): object {
  if (endpoint === undefined) return host === '' ? {} : { apiEndpoint: host };
  const { protocol, hostname, port } = new URL(endpoint);
  const plain = protocol === 'http:';
  return {
    apiEndpoint: hostname,
    port: port === '' ? (plain ? 80 : 443) : Number(port),
    protocol: plain ? 'http' : 'https',
  };
}

/** One page; repetitions are the outbound way's, which has the budget and the breaker. */
async function pageOf(client: SearchServiceClient, request: Request, signal: AbortSignal): Promise<readonly Result[]> {
  signal.throwIfAborted();
  // `client.search` gives a plain promise, which nothing ends; the call inside it can be told to stop.
  const search = client.innerApiCalls['search'] as CancellableSearch;
  const routing = new URLSearchParams({ serving_config: request.servingConfig ?? '' }).toString();
  const otherArgs = { headers: { 'x-goog-request-params': routing } };
  const call = search(request, { autoPaginate: false, retry: null, timeout: sdkTimeoutMs, otherArgs });
  const cancel = (): void => call.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const [results] = await call;
    return results;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

function passageOf(result: Result): ExternalPassage {
  const { document } = result;
  const said = structOf(document?.structData);
  const derived = structOf(document?.derivedStructData);
  const id = firstText(document?.id, result.id, said['id']);
  return {
    text: firstText(said['text'], said['snippet'], ...partsOf(derived)) ?? '',
    source: firstText(said['uri'], said['link'], derived['link'], id) ?? 'vertex_ai',
    score: scoreOf(result, said),
    metadata: Object.keys(said).length === 0 ? derived : said,
    documentId: id,
  };
}

function scoreOf({ modelScores, rankSignals }: Result, said: JsonObject): number | undefined {
  const model = (name: string): number | undefined => modelScores?.[name]?.values?.[0];
  return firstNumber(
    model('relevance_score'),
    model('score'),
    rankSignals?.relevanceScore,
    said['relevance_score'],
    said['score'],
  );
}

/** The text that Discovery Engine found in a document by itself. */
function partsOf(derived: JsonObject): readonly unknown[] {
  const first = (name: string): JsonObject => {
    const list = derived[name];
    return (Array.isArray(list) ? (list[0] as JsonObject | undefined) : undefined) ?? {};
  };
  const { snippet, snippet_status: status } = first('snippets');
  return [
    first('extractive_segments')['content'],
    first('extractive_answers')['content'],
    status === undefined || status === 'SUCCESS' ? snippet : undefined,
  ];
}
