import { Body, Controller } from '@nestjs/common';
import { authorizationErrors } from '#domain/capabilities/authorization/authorization.decider.js';
import { corpusErrors } from '#domain/capabilities/corpora/corpora.decider.js';
import { rolloutErrors } from '#domain/capabilities/rollouts/rollouts.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { filterErrors } from '#domain/kernel/filter/filter-limits.js';
import { effectiveTopK } from '#domain/kernel/retrieval/retrieval-settings.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { CorpusScope } from '#api/http/corpus-scope.js';
import { Endpoint } from '#api/http/endpoint.js';
import { httpErrors } from '#api/http/errors.js';
import { filterOf } from '#api/http/filters.js';
import { questionFailures } from '#infra/adapters/embedding/embedding-errors.js';
import { retrievalErrors } from '#infra/adapters/retrieval/retrieval-errors.js';
import { policyQueryErrors } from '#infra/authorization/policies-sql.js';
import { RetrievalRouter } from '#infra/retrieval/retrieval-router.js';
import { outboundErrors } from '#infra/shared-state/outbound.js';
import { RunAdmission } from './run-admission.handler.js';
import { SearchRequest, searchView, SearchView } from './search.contract.js';

@Controller('search')
export class SearchController {
  constructor(
    private readonly admission: RunAdmission,
    private readonly scope: CorpusScope,
    private readonly search: RetrievalRouter,
  ) {}

  @Endpoint('POST /', {
    does: 'Find passages of a corpus, and what led to them, without an answer',
    role: 'reader',
    rate: 'read',
    idempotent: false,
    returns: SearchView,
    refuses: [
      authorizationErrors.deniedByPolicy,
      policyQueryErrors.tooLarge,
      corpusErrors.notFound,
      filterErrors.invalid,
      filterErrors.tooComplex,
      filterErrors.unsupported,
      rolloutErrors.disabled,
      httpErrors.featureNotEnabled,
      ...Object.values(outboundErrors),
      ...Object.values(retrievalErrors),
      ...questionFailures,
    ],
  })
  async find(@Body() body: SearchRequest, @Caller() caller: CallerContext): Promise<SearchView> {
    await this.admission.open(caller);
    await this.scope.require(body.corpus_id, caller);
    const filter = filterOf(body.filter);
    const { corpus, mayRead } = await this.admission.admit({ corpusId: body.corpus_id, audio: false }, caller);
    if (corpus.status === 'absent') throw new CatalogueError(corpusErrors.notFound);
    const { providerConfig, embedding } = corpus;
    const retrieved = await this.search.search({
      tenantId: caller.tenantId,
      corpusId: body.corpus_id,
      query: body.query,
      k: effectiveTopK(body.top_k, providerConfig),
      providerConfig,
      embedding,
      mayRead,
      rerank: body.rerank,
      vectorWeight: body.vector_weight,
      ...(filter === undefined ? {} : { filter }),
    });
    return searchView(retrieved);
  }
}
