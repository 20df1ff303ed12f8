import { Body, Controller, Param, Query } from '@nestjs/common';
import { authorizationErrors } from '#domain/capabilities/authorization/authorization.decider.js';
import { corpora, corpusErrors } from '#domain/capabilities/corpora/corpora.decider.js';
import { corpusRows } from '#domain/capabilities/corpora/corpora.projection.js';
import { providerConfigErrors, providerOf } from '#domain/capabilities/corpora/provider-config.decider.js';
import { retrievalFeature } from '#domain/capabilities/plans/catalogue.decider.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import { Authorization } from '#api/commands/authorization.js';
import { Features } from '#api/commands/features.js';
import { Commands } from '#api/commands/commands.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { CorpusScope, seesCorpus } from '#api/http/corpus-scope.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { Endpoint } from '#api/http/endpoint.js';
import { httpErrors } from '#api/http/errors.js';
import { Page, PageQuery } from '#api/http/paging.js';
import { embeddingErrors } from '#infra/adapters/embedding/embedding-errors.js';
import { retrievalErrors } from '#infra/adapters/retrieval/retrieval-errors.js';
import { policyQueryErrors } from '#infra/authorization/policies-sql.js';
import { idFor } from '#infra/commands/ids.js';
import { CorpusView, CreateCorpusRequest, PatchCorpusRequest } from './corpora.contract.js';
import { CorpusEmbeddingChoices } from './corpus-embedding.adapter.js';
import { CorpusProviders } from './corpus-providers.adapter.js';
import { CorpusQueries } from './corpora.queries.js';

@Controller('corpora')
export class CorporaController {
  constructor(
    private readonly commands: Commands,
    private readonly queries: CorpusQueries,
    private readonly features: Features,
    private readonly scope: CorpusScope,
    private readonly authorization: Authorization,
    private readonly choices: CorpusEmbeddingChoices,
    private readonly providers: CorpusProviders,
  ) {}

  @Endpoint('GET /', {
    does: 'List the corpora of the tenant',
    role: 'reader',
    returns: [CorpusView],
    refuses: [policyQueryErrors.tooLarge],
  })
  list(@Query() query: PageQuery, @Caller() caller: CallerContext): Promise<Page<CorpusView>> {
    return this.queries.list(query, caller);
  }

  @Endpoint('POST /', {
    does: 'Create a corpus',
    role: 'editor',
    status: 201,
    audit: 'corpora.created',
    returns: CorpusView,
    waitsFor: [corpusRows.table],
    refuses: [
      authorizationErrors.deniedByPolicy,
      corpusErrors.exists,
      corpusErrors.emptying,
      providerConfigErrors.invalid,
      embeddingErrors.unknownModel,
      httpErrors.featureNotEnabled,
      retrievalErrors.storeNotAllowed,
    ],
  })
  async create(@Body() body: CreateCorpusRequest, @Caller() caller: CallerContext): Promise<CorpusView> {
    await this.scope.require(body.id, caller);
    await this.authorization.corpus('write', body.id, caller);
    await this.requireProvider(body.provider_config_json, caller);
    const embedding = this.choices.chosen(body.embedding_json);
    const data = { corpusId: body.id, name: body.name, providerConfig: body.provider_config_json, embedding };
    const streamId = idFor('corpora', caller.tenantId, body.id);
    const { state } = await this.commands.run(corpora, streamId, { type: 'CreateCorpus', data }, caller);
    return this.queries.written(state, caller);
  }

  @Endpoint('GET /:corpusId', {
    does: 'Get a corpus',
    role: 'reader',
    returns: CorpusView,
    refuses: [authorizationErrors.deniedByPolicy, corpusErrors.notFound],
  })
  get(@Param('corpusId') corpusId: string, @Caller() caller: CallerContext): Promise<CorpusView> {
    return this.queries.get(corpusId, caller);
  }

  @Endpoint('PATCH /:corpusId', {
    does: 'Change the name, the retrieval provider or the embedding model of a corpus',
    role: 'editor',
    audit: 'corpora.updated',
    returns: CorpusView,
    waitsFor: [corpusRows.table],
    refuses: [
      authorizationErrors.deniedByPolicy,
      corpusErrors.notFound,
      providerConfigErrors.invalid,
      corpusErrors.reembedding,
      embeddingErrors.unknownModel,
      embeddingErrors.unconfigured,
      httpErrors.featureNotEnabled,
      retrievalErrors.storeNotAllowed,
    ],
  })
  async patch(
    @Param('corpusId') corpusId: string,
    @Body() body: PatchCorpusRequest,
    @Caller() caller: CallerContext,
  ): Promise<CorpusView> {
    if (!seesCorpus(caller, corpusId)) throw new CatalogueError(corpusErrors.notFound);
    const { name, provider_config_json: provider, embedding_json: embedding } = body;
    if (name !== undefined || (provider === undefined && embedding === undefined))
      await this.authorization.corpus('write', corpusId, caller);
    if (provider !== undefined) {
      await this.authorization.corpus('manage', corpusId, caller);
      await this.features.require('feature.corpora_patch_provider_config', caller);
      await this.requireProvider(provider, caller);
    }
    const data = {
      ...(await this.newEmbedding(corpusId, body, caller)),
      ...(name === undefined ? {} : { name }),
      ...(provider === undefined ? {} : { providerConfig: provider }),
    };
    const streamId = idFor('corpora', caller.tenantId, corpusId);
    const { state } = await this.commands.run(corpora, streamId, { type: 'UpdateCorpus', data }, caller);
    return this.queries.written(state, caller);
  }

  @Endpoint('DELETE /:corpusId', {
    does: 'Delete a corpus: it is gone at once, and its documents, with their texts, chunks and keys, go after it',
    role: 'admin',
    audit: 'corpora.deleted',
    waitsFor: [corpusRows.table],
    refuses: [authorizationErrors.deniedByPolicy, corpusErrors.notFound],
  })
  async remove(@Param('corpusId') corpusId: string, @Caller() caller: CallerContext): Promise<void> {
    if (!seesCorpus(caller, corpusId)) throw new CatalogueError(corpusErrors.notFound);
    await this.authorization.corpus('manage', corpusId, caller);
    const streamId = idFor('corpora', caller.tenantId, corpusId);
    await this.commands.run(corpora, streamId, { type: 'DeleteCorpus', data: {} }, caller);
  }

  private async newEmbedding(corpusId: string, body: PatchCorpusRequest, caller: CallerContext) {
    if (body.embedding_json === undefined) return {};
    await this.authorization.corpus('manage', corpusId, caller);
    await this.features.require('feature.corpora_patch_provider_config', caller);
    return { embedding: await this.choices.change(caller.tenantId, corpusId, body.embedding_json) };
  }

  /** No plan gets by another address what it does not include, and no corpus what the platform does not offer. */
  private async requireProvider(config: JsonObject, caller: CallerContext): Promise<void> {
    const feature = retrievalFeature(providerOf(config) ?? '');
    if (feature !== undefined) await this.features.require(feature, caller);
    this.providers.require(config, caller.tenantId);
  }
}
