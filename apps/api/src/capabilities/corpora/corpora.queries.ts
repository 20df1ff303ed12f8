import { Injectable } from '@nestjs/common';
import { corpusErrors, type CorpusState } from '#domain/capabilities/corpora/corpora.decider.js';
import { corpusRows } from '#domain/capabilities/corpora/corpora.projection.js';
import type { EmbeddingChoice } from '#domain/kernel/embedding.js';
import type { RowOf } from '#domain/kernel/projection.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { CallerContext } from '#api/http/caller.js';
import { seesCorpus, visibleCorpora } from '#api/http/corpus-scope.js';
import { Page, type PageQuery } from '#api/http/paging.js';
import { Authorization } from '#api/commands/authorization.js';
import { ReadYourWrites } from '#api/commands/read-your-writes.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import type { CorpusEmbeddingView, CorpusView } from './corpora.contract.js';
import { CorpusEmbeddingChoices } from './corpus-embedding.adapter.js';

type Row = RowOf<typeof corpusRows.columns>;

interface Failure {
  readonly embedding: EmbeddingChoice;
  readonly reason: string;
}

interface Known {
  readonly embedding: EmbeddingChoice | null;
  readonly reembedding: EmbeddingChoice | null;
  readonly failure: Failure | null;
}

/** What is known of corpora, for one tenant at a time. */
@Injectable()
export class CorpusQueries {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
    private readonly authorization: Authorization,
    private readonly choices: CorpusEmbeddingChoices,
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
    return new Page(await Promise.all(rows.map((row) => this.viewOf(row))), next);
  }

  async get(id: string, caller: CallerContext): Promise<CorpusView> {
    await this.reads.before(corpusRows.table, caller);
    const row = await this.models.for(corpusRows).find(caller.tenantId, id);
    if (row === undefined || !seesCorpus(caller, id)) throw new CatalogueError(corpusErrors.notFound);
    await this.authorization.corpus('read', id, caller);
    return this.viewOf(row);
  }

  /** What a command left, from its own decision: never older than itself, also when the read model is late. */
  async written(state: CorpusState, caller: CallerContext): Promise<CorpusView> {
    if (state.status === 'absent') throw new CatalogueError(corpusErrors.notFound);
    const { corpusId: id, name, providerConfig, embedding, reembedding, failure } = state;
    const row = await this.models.for(corpusRows).find(caller.tenantId, id);
    return {
      id,
      tenant_id: caller.tenantId,
      name,
      provider_config_json: providerConfig,
      embedding: await this.embeddingOf(caller.tenantId, id, {
        embedding,
        reembedding: reembedding?.embedding ?? null,
        failure,
      }),
      created_at: row?.created_at ?? caller.facts.now,
    };
  }

  private async viewOf(row: Row): Promise<CorpusView> {
    const { id, tenant_id, name, provider_config_json, created_at } = row;
    const embedding = await this.embeddingOf(tenant_id, id, {
      embedding: row.embedding as EmbeddingChoice | null,
      reembedding: row.reembedding as EmbeddingChoice | null,
      failure: row.reembedding_failure as Failure | null,
    });
    return { id, tenant_id, name, provider_config_json: provider_config_json as object, embedding, created_at };
  }

  private async embeddingOf(tenantId: string, corpusId: string, known: Known): Promise<CorpusEmbeddingView | null> {
    const { embedding, reembedding, failure } = known;
    if (embedding === null) return null;
    if (reembedding !== null) {
      const progress = await this.choices.progress(tenantId, corpusId, reembedding);
      return { ...embedding, status: 'reembedding', next: { ...reembedding, progress }, failure: null };
    }
    const failed = failure === null ? null : { ...failure.embedding, reason: failure.reason };
    return { ...embedding, status: failed === null ? 'ready' : 'failed', next: null, failure: failed };
  }
}
