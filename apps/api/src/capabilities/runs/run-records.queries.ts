import { runErrors } from '#domain/capabilities/runs/runs.decider.js';
import { runRows } from '#domain/capabilities/runs/runs.projection.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { RowOf } from '#domain/kernel/projection.js';
import type { Authorization } from '#api/commands/authorization.js';
import { isOfCaller } from '#api/commands/conversations.js';
import type { ReadYourWrites } from '#api/commands/read-your-writes.js';
import type { CallerContext } from '#api/http/caller.js';
import { seesCorpus, visibleCorpora } from '#api/http/corpus-scope.js';
import { Page } from '#api/http/paging.js';
import { mayActAs } from '#api/http/principal.js';
import type { Citation } from '#infra/adapters/llm/answerer.js';
import type { ContentStore } from '#infra/content/content-store.js';
import type { ReadModels } from '#infra/read-models/read-models.js';
import type { RunCitation, RunDetail, RunListQuery, RunView } from './run-records.contract.js';

type Row = RowOf<typeof runRows.columns>;

/** What is known of runs: to admins of all of their tenant, to others of their own. */
export class RunRecords {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
    private readonly content: ContentStore,
    private readonly authorization: Authorization,
  ) {}

  /** The newest first. */
  async list(query: RunListQuery, caller: CallerContext): Promise<Page<RunView>> {
    await this.reads.before(runRows.table, caller);
    const { limit, cursor } = query;
    const { rows, next } = await this.models.for(runRows).page(caller.tenantId, {
      where: whereOf(query, caller),
      visible: await this.authorization.visibleRuns(caller),
      orderBy: [['started_at', 'desc']],
      limit,
      cursor,
    });
    return new Page(rows.map(fieldsOf), next);
  }

  async get(runId: string, caller: CallerContext): Promise<RunDetail> {
    await this.reads.before(runRows.table, caller);
    const row = await this.models.for(runRows).find(caller.tenantId, runId);
    if (row === undefined || !isOfCaller(row.user_id, caller) || !seesCorpus(caller, row.corpus_id))
      throw new CatalogueError(runErrors.notFound);
    await this.authorization.run('read', row, caller);
    const { answer_content_id: id } = row;
    const answer = id === null ? undefined : await this.content.get(caller.tenantId, id);
    return { ...fieldsOf(row), citations: citationsIn(answer) };
  }
}

function whereOf({ status, corpus_id, from, to }: RunListQuery, caller: CallerContext) {
  const { role, subjectId } = caller.principal;
  const corpusId = visibleCorpora(caller, corpus_id);
  return {
    ...(mayActAs(role, 'admin') ? {} : { user_id: subjectId }),
    ...(status === undefined ? {} : { status }),
    ...(corpusId === undefined ? {} : { corpus_id: corpusId }),
    ...(from === undefined && to === undefined ? {} : { started_at: between(from, to) }),
  };
}

function between(from: string | undefined, to: string | undefined) {
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { before: to }) };
}

function fieldsOf(row: Row) {
  return {
    id: row.id,
    session_id: row.session_id,
    user_id: row.user_id === '' ? null : row.user_id,
    corpus_id: row.corpus_id,
    status: row.status,
    reason_code: row.reason_code,
    degraded: row.degraded,
    top_k: row.top_k,
    chunk_count: row.chunk_count,
    citation_count: row.citation_count,
    input_tokens: row.input_tokens,
    output_tokens: row.output_tokens,
    cached_tokens: row.cached_tokens,
    reasoning_tokens: row.reasoning_tokens,
    duration_ms: row.duration_ms,
    started_at: row.started_at,
    ended_at: row.ended_at,
  };
}

function citationsIn(bytes: Uint8Array | undefined): readonly RunCitation[] {
  if (bytes === undefined) return [];
  const { citations = [] } = JSON.parse(new TextDecoder().decode(bytes)) as { citations?: readonly Citation[] };
  return citations.map((citation) => {
    const { source, document_id, chunk_id, start, end, score } = citation;
    // Answers from before pages were known say nothing of them.
    const { page_start = null, page_end = null } = citation as Partial<Citation>;
    return { source, document_id, chunk_id, start, end, page_start, page_end, score };
  });
}
