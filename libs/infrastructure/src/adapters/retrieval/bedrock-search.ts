import type { BedrockAgentRuntimeClient, KnowledgeBaseRetrievalResult } from '@aws-sdk/client-bedrock-agent-runtime';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { RetrievalSettings } from '#domain/kernel/retrieval/retrieval-settings.js';
import type { Found, ProviderSearch } from '#infra/retrieval/found.js';
import type { RetrievalQuery } from '#infra/retrieval/passage.js';
import type { Outbound } from '#infra/shared-state/outbound.js';
import { bedrockFilter } from './bedrock-filter.js';
import { firstNumber, firstText, foundOutside, type ExternalPassage } from './external-passage.js';
import { retrievalErrors } from './retrieval-errors.js';
import { callService, failureOfStatus, type Failure } from './service-call.js';

export interface BedrockOptions {
  /** Another address than the region's own, e.g. a private endpoint. */
  readonly endpoint?: string | undefined;
}

/** More than Bedrock gives at once. */
const mostResults = 100;

/** Passages of Bedrock knowledge bases, under the credentials that the process finds around it. */
export class BedrockSearch implements ProviderSearch {
  private readonly clients = new Map<string, Promise<BedrockAgentRuntimeClient>>();

  constructor(
    private readonly outbound: Outbound,
    private readonly options: BedrockOptions = {},
  ) {}

  async search(query: RetrievalQuery, { options }: RetrievalSettings): Promise<Found> {
    const { knowledge_base_id: knowledgeBaseId, region } = options;
    if (!isText(knowledgeBaseId) || !isText(region)) throw new CatalogueError(retrievalErrors.awsConfigMissing);
    const vectorSearchConfiguration = {
      numberOfResults: Math.min(mostResults, query.k),
      ...(query.filter === undefined ? {} : { filter: bedrockFilter(query.filter) }),
    };
    const { RetrieveCommand } = await import('@aws-sdk/client-bedrock-agent-runtime');
    const client = await this.client(region);
    const command = new RetrieveCommand({
      knowledgeBaseId,
      retrievalQuery: { text: query.query },
      retrievalConfiguration: { vectorSearchConfiguration },
    });
    const answer = await callService(
      this.outbound,
      {
        tenantId: query.tenantId,
        integration: 'retrieval.aws_bedrock',
        signal: query.signal,
        classify: failureOf,
        errors: { auth: retrievalErrors.awsAuth, failed: retrievalErrors.awsFailed },
      },
      (abortSignal) => client.send(command, { abortSignal }),
    );
    return foundOutside((answer.retrievalResults ?? []).map(passageOf), query.k);
  }

  async close(): Promise<void> {
    for (const client of this.clients.values()) (await client).destroy();
    this.clients.clear();
  }

  /** The SDK is loaded when the first corpus needs it. */
  private client(region: string): Promise<BedrockAgentRuntimeClient> {
    const known = this.clients.get(region);
    if (known !== undefined) return known;
    const { endpoint } = this.options;
    const made = openClient({ region, ...(endpoint === undefined ? {} : { endpoint }) });
    this.clients.set(region, made);
    return made;
  }
}

/** Over HTTP/1.1, which proxies and private endpoints understand. Repetitions are the outbound way's, with its budget. */
async function openClient(where: { region: string; endpoint?: string }): Promise<BedrockAgentRuntimeClient> {
  const [{ BedrockAgentRuntimeClient }, { NodeHttpHandler }] = await Promise.all([
    import('@aws-sdk/client-bedrock-agent-runtime'),
    import('@smithy/node-http-handler'),
  ]);
  return new BedrockAgentRuntimeClient({ ...where, maxAttempts: 1, requestHandler: new NodeHttpHandler() });
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function passageOf(result: KnowledgeBaseRetrievalResult): ExternalPassage {
  const { content, location, documentId, metadata = {} } = result;
  const said = result as { readonly score?: unknown; readonly relevanceScore?: unknown };
  const uri = location?.s3Location?.uri;
  return {
    text: content?.text ?? '',
    source: firstText(uri, location?.type, documentId) ?? 'bedrock_kb',
    score: firstNumber(said.score, said.relevanceScore),
    metadata,
    documentId: firstText(documentId, uri),
    chunkId: firstText(metadata['x-amz-bedrock-kb-chunk-id']),
  };
}

interface SdkError {
  readonly name?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> };
}

const credentialErrors = /^(?:CredentialsProviderError|TokenProviderError|CredentialsError|ExpiredTokenException)$/;

function failureOf(error: unknown): Failure {
  const { name = '', $metadata, $response } = (error ?? {}) as SdkError;
  if (credentialErrors.test(name)) return { kind: 'auth' };
  const status = $metadata?.httpStatusCode ?? $response?.statusCode;
  return failureOfStatus(status, $response?.headers?.['retry-after']);
}
