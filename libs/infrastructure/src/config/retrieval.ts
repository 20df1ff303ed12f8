import { defineConfig } from './define-config.js';
import { int, list, oneOf, secret, string, url } from './fields.js';
import type { Secret } from './secret.js';

const HTTP = ['http://', 'https://'];

/** Where passages come from besides our own index, and who looks at candidates a second time. */
export const retrievalArea = defineConfig('retrieval', 'Where passages come from besides our own index.', {
  BEDROCK_ENDPOINT_URL: url('Bedrock’s runtime at another address, e.g. a private endpoint.', HTTP),
  DISCOVERY_ENGINE_ENDPOINT_URL: url('Discovery Engine at another address, e.g. a private endpoint.', HTTP),
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
}

/** Credentials and texts of documents leave this machine only by TLS. */
export function retrievalProblems(config: Addresses): string[] {
  const names = ['BEDROCK_ENDPOINT_URL', 'DISCOVERY_ENGINE_ENDPOINT_URL', 'RERANK_URL'] as const;
  const plain = names.filter((name) => isPlainAndFar(config[name]));
  const origins = config.RERANK_ALLOWED_ORIGINS.filter(
    (origin) => !URL.canParse(origin) || new URL(origin).origin !== origin || isPlainAndFar(origin),
  );
  return [
    ...plain.map((name) => `${name} must be https, unless it is on this machine`),
    ...origins.map((origin) => `RERANK_ALLOWED_ORIGINS holds ${JSON.stringify(origin)}, which is no https origin`),
  ];
}

function isPlainAndFar(address: string | undefined): boolean {
  if (address === undefined) return false;
  const { protocol, hostname } = new URL(address);
  return protocol === 'http:' && !/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname);
}
