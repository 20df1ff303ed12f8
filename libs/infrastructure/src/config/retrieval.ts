import { defineConfig } from './define-config.js';
import { int, list, oneOf, secret, string, url } from './fields.js';
import type { Secret } from './secret.js';

const HTTP = ['http://', 'https://'];
const STORE_ENTRY = /^(?:[a-z0-9_]{1,64}|\*)=(?:\*|aws_bedrock_kb(?:\/[^/\s]+){2}|gcp_vertex(?:\/[^/\s]+){3})$/;

/** Where passages come from besides our own index, and who looks at candidates a second time. */
export const retrievalArea = defineConfig('retrieval', 'Where passages come from besides our own index.', {
  BEDROCK_ENDPOINT_URL: url('Bedrock’s runtime at another address, e.g. a private endpoint.', HTTP),
  DISCOVERY_ENGINE_ENDPOINT_URL: url('Discovery Engine at another address, e.g. a private endpoint.', HTTP),
  EXTERNAL_STORES_ALLOWED: list(
    'Stores that a tenant’s corpora may name, since all tenants share the credentials of the process; none by default. Each is TENANT=aws_bedrock_kb/REGION/KNOWLEDGE_BASE_ID or TENANT=gcp_vertex/PROJECT/LOCATION/DATA_STORE; any part may be *, and TENANT=* is every store.',
  ),
  RERANK_URL: url('The /rerank endpoint that looks at candidates a second time; none: nobody does.', HTTP),
  RERANK_MODEL: string('The model that it is asked for.'),
  RERANK_API_KEY: secret('The bearer token for RERANK_URL; no other address ever gets it.'),
  RERANK_STYLE: oneOf(
    'The form of its requests: that of Cohere, Jina and vLLM, or that of Text Embeddings Inference.',
    ['cohere', 'tei'],
    'cohere',
  ),
  RERANK_CANDIDATES: int('How many candidates it looks at; never fewer than are asked for.', {
    default: 50,
    min: 1,
    max: 200,
  }),
  RERANK_ALLOWED_ORIGINS: list('Origins, such as https://rerank.example.com, that a corpus may name in place of it.'),
});

interface Addresses {
  readonly BEDROCK_ENDPOINT_URL: string | undefined;
  readonly DISCOVERY_ENGINE_ENDPOINT_URL: string | undefined;
  readonly RERANK_URL: string | undefined;
  readonly RERANK_API_KEY: Secret | undefined;
  readonly RERANK_ALLOWED_ORIGINS: readonly string[];
  readonly EXTERNAL_STORES_ALLOWED: readonly string[];
}

/** Credentials and texts of documents leave this machine only by TLS. */
export function retrievalProblems(config: Addresses): string[] {
  const names = ['BEDROCK_ENDPOINT_URL', 'DISCOVERY_ENGINE_ENDPOINT_URL', 'RERANK_URL'] as const;
  const plain = names.filter((name) => isPlainAndFar(config[name]));
  const origins = config.RERANK_ALLOWED_ORIGINS.filter(
    (origin) => !URL.canParse(origin) || new URL(origin).origin !== origin || isPlainAndFar(origin),
  );
  const stores = config.EXTERNAL_STORES_ALLOWED.filter((entry) => !STORE_ENTRY.test(entry));
  return [
    ...stores.map(
      (entry) => `EXTERNAL_STORES_ALLOWED holds ${JSON.stringify(entry)}, which is no TENANT=PROVIDER/STORE`,
    ),
    ...plain.map((name) => `${name} must be https, unless it is on this machine`),
    ...origins.map((origin) => `RERANK_ALLOWED_ORIGINS holds ${JSON.stringify(origin)}, which is no https origin`),
  ];
}

function isPlainAndFar(address: string | undefined): boolean {
  if (address === undefined) return false;
  const { protocol, hostname } = new URL(address);
  return protocol === 'http:' && !/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname);
}
