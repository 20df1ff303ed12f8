import { Injectable } from '@nestjs/common';
import { corpusErrors, type CorpusState } from '#domain/capabilities/corpora/corpora.decider.js';
import { corpusRows } from '#domain/capabilities/corpora/corpora.projection.js';
import type { RowOf } from '#domain/kernel/projection.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { CallerContext } from '#api/http/caller.js';
import { seesCorpus, visibleCorpora } from '#api/http/corpus-scope.js';
import { Page, type PageQuery } from '#api/http/paging.js';
import { Authorization } from '#api/commands/authorization.js';
import { ReadYourWrites } from '#api/commands/read-your-writes.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import type { CorpusView } from './corpora.contract.js';

type Row = RowOf<typeof corpusRows.columns>;

/** What is known of corpora, for one tenant at a time. */
@Injectable()
export class CorpusQueries {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
    private readonly authorization: Authorization,
  ) {}

  async list(query: PageQuery, caller: CallerContext): Promise<Page<CorpusView>> {
    await this.reads.before(corpusRows.table, caller);
    const id = visibleCorpora(caller);
    const { rows, next } = await this.models.for(corpusRows).page(caller.tenantId, {
      ...(id === undefined ? {} : { where: { id } }),
      visible: await this.authorization.visibleCorpora(caller),
      orderBy: [['created_at', 'asc']],
      limit: query.limit,
      cursor: query.cursor,
    });
    return new Page(rows.map(viewOf), next);
  }

  async get(id: string, caller: CallerContext): Promise<CorpusView> {
    await this.reads.before(corpusRows.table, caller);
    const row = await this.models.for(corpusRows).find(caller.tenantId, id);
    if (row === undefined || !seesCorpus(caller, id)) throw new CatalogueError(corpusErrors.notFound);
    await this.authorization.authorize('corpus.read', caller, { id });
    return viewOf(row);
  }

  /** What a command left, from its own decision: never older than itself, also when the read model is late. */
  async written(state: CorpusState, caller: CallerContext): Promise<CorpusView> {
    if (state.status === 'absent') throw new CatalogueError(corpusErrors.notFound);
    const { corpusId: id, name, providerConfig } = state;
    const row = await this.models.for(corpusRows).find(caller.tenantId, id);
    return {
      id,
      tenant_id: caller.tenantId,
      name,
      provider_config_json: providerConfig,
      created_at: row?.created_at ?? caller.facts.now,
    };
  }
}

function viewOf(row: Row): CorpusView {
  const { id, tenant_id, name, provider_config_json, created_at } = row;
  return { id, tenant_id, name, provider_config_json: provider_config_json as object, created_at };
}
