import { refuseField } from '#domain/capabilities/corpora/provider-config.decider.js';
import { chainOf } from '#domain/capabilities/corpora/generation-config.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { retrievalSettings } from '#domain/kernel/retrieval/retrieval-settings.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import { ExternalStores } from '#infra/adapters/retrieval/external-stores.js';
import type { Config } from '#infra/config/config.js';
import { offeredModels } from '#infra/config/models.js';

/** What this platform offers to corpora: models that answer, and stores outside that a tenant may search. */
export class CorpusProviders {
  private readonly models: ReadonlySet<string>;
  private readonly stores: ExternalStores;

  constructor({ llm, retrieval }: Pick<Config, 'llm' | 'retrieval'>) {
    this.models = offeredModels(llm);
    this.stores = new ExternalStores(retrieval.EXTERNAL_STORES_ALLOWED);
  }

  /** Throws the refusal of a configuration that names a model that is not offered, or a store that is not the tenant's. */
  require(config: JsonObject, tenantId: string): void {
    const at = chainOf(config).findIndex((name) => !this.models.has(name));
    if (at >= 0) {
      const reason = 'generation.chain names a model that is not offered';
      throw CatalogueError.of(refuseField({ path: ['generation', 'chain', at], reason }));
    }
    this.stores.require(tenantId, retrievalSettings(config).options);
  }
}
