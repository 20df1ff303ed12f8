import { Injectable } from '@nestjs/common';
import { corpusRows } from '#domain/capabilities/corpora/corpora.projection.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { RowOf } from '#domain/kernel/projection.js';
import { Authorization } from '#api/commands/authorization.js';
import { ReadYourWrites } from '#api/commands/read-your-writes.js';
import type { CallerContext } from '#api/http/caller.js';
import { seesCorpus, visibleCorpora } from '#api/http/corpus-scope.js';
import type { PageQuery } from '#api/http/paging.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import type { ModelList, ModelView } from './chat-answer.contract.js';
import { openAiErrors } from './openai.contract.js';

/** What a caller must be allowed with a corpus that is shown as a model. */
const NEEDED = ['read', 'run'] as const;

/** The corpora that a caller may use, as models. */
@Injectable()
export class ModelQueries {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
    private readonly authorization: Authorization,
  ) {}

  async list({ limit, cursor }: PageQuery, caller: CallerContext): Promise<ModelList> {
    await this.reads.before(corpusRows.table, caller);
    const id = visibleCorpora(caller);
    const { rows, next } = await this.models.for(corpusRows).page(caller.tenantId, {
      ...(id === undefined ? {} : { where: { id } }),
      visible: await this.authorization.visibleCorpora(caller, NEEDED),
      orderBy: [['created_at', 'asc']],
      limit,
      cursor,
    });
    return { object: 'list', data: rows.map(viewOf), has_more: next !== null, next_cursor: next };
  }

  async get(model: string, caller: CallerContext): Promise<ModelView> {
    await this.reads.before(corpusRows.table, caller);
    const row = await this.models.for(corpusRows).find(caller.tenantId, model);
    if (row === undefined || !seesCorpus(caller, model))
      throw new CatalogueError(openAiErrors.modelNotFound, { param: 'model' });
    for (const action of NEEDED) await this.authorization.corpus(action, model, caller);
    return viewOf(row);
  }
}

function viewOf({ id, tenant_id, created_at }: RowOf<typeof corpusRows.columns>): ModelView {
  return { id, object: 'model', created: Math.floor(Date.parse(created_at) / 1_000), owned_by: tenant_id };
}
