import { CatalogueError } from '#domain/kernel/errors.js';
import type { Json, JsonObject } from '#domain/kernel/schema.js';
import type { RetrievalSettings } from '#domain/kernel/retrieval/retrieval-settings.js';
import type { Found, ProviderSearch } from '#infra/retrieval/found.js';
import type { RetrievalQuery } from '#infra/retrieval/passage.js';
import { retrievalErrors } from './retrieval-errors.js';

/** What names a store of each provider, in the order in which an operator writes it. */
const parts: Readonly<Record<string, readonly string[]>> = {
  aws_bedrock_kb: ['region', 'knowledge_base_id'],
  gcp_vertex: ['project', 'location', 'resource_id'],
};

/** Which stores outside which tenant may search. The credentials are the process's own, so what is not listed is nobody's. */
export class ExternalStores {
  private readonly entries: readonly { readonly tenantId: string; readonly segments: readonly string[] }[];

  constructor(entries: readonly string[]) {
    this.entries = entries.map((entry) => {
      const [tenantId = '', store = ''] = entry.split('=', 2);
      return { tenantId, segments: store.split('/') };
    });
  }

  /** Throws `retrievalErrors.storeNotAllowed`. A store that is not wholly named is its provider's to refuse. */
  require(tenantId: string, retrieval: JsonObject): void {
    const named = namedBy(retrieval);
    if (named === undefined) return;
    const may = this.entries.some((entry) => isFor(entry.tenantId, tenantId) && covers(entry.segments, named));
    if (!may) throw new CatalogueError(retrievalErrors.storeNotAllowed, { provider: named[0] });
  }
}

/** Configurations for the stores of a list that are named without a `*`, each with the tenant that may search it. */
export function namedStores(
  entries: readonly string[],
): readonly { readonly tenantId: string; readonly retrieval: JsonObject }[] {
  return entries.flatMap((entry) => {
    const [tenantId = '', store = ''] = entry.split('=', 2);
    const [provider = '', ...values] = store.split('/');
    if (values.length === 0 || values.includes('*')) return [];
    const named = (parts[provider] ?? []).map((field, at) => [field, values[at] ?? ''] as const);
    return [{ tenantId, retrieval: { provider, ...Object.fromEntries(named) } }];
  });
}

/** A provider that is asked only for stores that the tenant may search, whenever the corpus was written. */
export class AllowedSearch implements ProviderSearch {
  constructor(
    private readonly stores: ExternalStores,
    private readonly inner: ProviderSearch & { close(): Promise<void> },
  ) {}

  async search(query: RetrievalQuery, settings: RetrievalSettings): Promise<Found> {
    this.stores.require(query.tenantId, settings.options);
    return this.inner.search(query, settings);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

function namedBy(retrieval: JsonObject): readonly string[] | undefined {
  const provider = textOf(retrieval['provider']);
  const named = Object.hasOwn(parts, provider) ? parts[provider] : undefined;
  if (named === undefined) return undefined;
  const values = named.map((field) => textOf(retrieval[field]));
  return values.includes('') ? undefined : [provider, ...values];
}

function isFor(entry: string, tenantId: string): boolean {
  return entry === '*' || entry === tenantId;
}

function covers(segments: readonly string[], named: readonly string[]): boolean {
  if (segments.length === 1) return segments[0] === '*';
  return segments.length === named.length && segments.every((part, at) => part === '*' || part === named[at]);
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
