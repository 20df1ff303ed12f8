import type { ActionOf } from '#domain/capabilities/authorization/pairs.ports.js';
import { feedbackErrors } from '#domain/capabilities/feedback/feedback.decider.js';
import { feedbackRows, type FeedbackRow } from '#domain/capabilities/feedback/feedback.projection.js';
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
import { idFor } from '#infra/commands/ids.js';
import type { ContentStore } from '#infra/content/content-store.js';
import type { ReadModels } from '#infra/read-models/read-models.js';
import type { FeedbackCounts, FeedbackCountsQuery, FeedbackListQuery, FeedbackView } from './feedback.contract.js';

type RunRow = RowOf<typeof runRows.columns>;

/** The stream of what a user says of a run, and the id of its row. */
export function feedbackIdFor(tenantId: string, runId: string, userId: string): string {
  return idFor('feedback', tenantId, `${runId}\n${userId}`);
}

/** What users say of answers. Comments are opened here, at the edge. */
export class FeedbackQueries {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
    private readonly content: ContentStore,
    private readonly authorization: Authorization,
  ) {}

  /** A run that the caller may say something of: its own, or as an admin any of the tenant, where policies allow this. */
  async run(runId: string, to: ActionOf<'run'>, caller: CallerContext): Promise<RunRow> {
    await this.reads.before(runRows.table, caller);
    const row = await this.models.for(runRows).find(caller.tenantId, runId);
    if (row === undefined || !isOfCaller(row.user_id, caller) || !seesCorpus(caller, row.corpus_id))
      throw new CatalogueError(runErrors.notFound);
    await this.authorization.run(to, row, caller);
    return row;
  }

  /** What the caller said of a run. */
  async own(runId: string, caller: CallerContext): Promise<FeedbackView> {
    await this.reads.before(feedbackRows.table, caller);
    const id = feedbackIdFor(caller.tenantId, runId, caller.principal.subjectId);
    const row = await this.models.for(feedbackRows).find(caller.tenantId, id);
    if (row === undefined) throw new CatalogueError(feedbackErrors.notFound);
    const [view] = await this.opened(caller.tenantId, [row]);
    return view as FeedbackView;
  }

  /** What was said last comes first. */
  async list(query: FeedbackListQuery, caller: CallerContext): Promise<Page<FeedbackView>> {
    await this.reads.before(feedbackRows.table, caller);
    const { limit, cursor, rating } = query;
    const { rows, next } = await this.models.for(feedbackRows).page(caller.tenantId, {
      where: { ...whereOf(query, caller), ...(rating === undefined ? {} : { rating }) },
      orderBy: [['updated_at', 'desc']],
      limit,
      cursor,
    });
    return new Page(await this.opened(caller.tenantId, rows), next);
  }

  async counts(query: FeedbackCountsQuery, caller: CallerContext): Promise<FeedbackCounts> {
    await this.reads.before(feedbackRows.table, caller);
    const model = this.models.for(feedbackRows);
    const where = whereOf(query, caller);
    const of = async (rating: 'up' | 'down') => {
      const rated = { ...where, rating };
      const [count, byCorpus] = await Promise.all([
        model.count(caller.tenantId, rated),
        model.facet(caller.tenantId, 'corpus_id', { where: rated }),
      ]);
      return { count, byCorpus: new Map(byCorpus.map(({ value, count: n }) => [value, n])) };
    };
    const [up, down] = await Promise.all([of('up'), of('down')]);
    const corpora = [...new Set([...up.byCorpus.keys(), ...down.byCorpus.keys()])].sort().slice(0, 100);
    return {
      up: up.count,
      down: down.count,
      by_corpus: corpora.map((corpus_id) => ({
        corpus_id,
        up: up.byCorpus.get(corpus_id) ?? 0,
        down: down.byCorpus.get(corpus_id) ?? 0,
      })),
    };
  }

  private async opened(tenantId: string, rows: readonly FeedbackRow[]): Promise<readonly FeedbackView[]> {
    const contents = await this.content.getMany(
      tenantId,
      rows.flatMap(({ comment_content_id: id }) => id ?? []),
    );
    return rows.map((row) => viewOf(row, contents.get(row.comment_content_id ?? '')));
  }
}

function whereOf({ corpus_id, from, to }: FeedbackCountsQuery, caller: CallerContext) {
  const corpusId = visibleCorpora(caller, corpus_id);
  const at = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { before: to }) };
  return {
    ...(corpusId === undefined ? {} : { corpus_id: corpusId }),
    ...(from === undefined && to === undefined ? {} : { updated_at: at }),
  };
}

function viewOf(row: FeedbackRow, comment: Uint8Array | undefined): FeedbackView {
  const { id, run_id, corpus_id, user_id, rating, tags, created_at, updated_at } = row;
  const text = comment === undefined ? null : (JSON.parse(new TextDecoder().decode(comment)) as { text: string }).text;
  return { id, run_id, corpus_id, user_id, rating, comment: text, tags, created_at, updated_at };
}
