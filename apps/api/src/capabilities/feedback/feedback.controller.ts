import { Body, Controller, Param, Query } from '@nestjs/common';
import { authorizationErrors } from '#domain/capabilities/authorization/authorization.decider.js';
import { feedback, feedbackErrors } from '#domain/capabilities/feedback/feedback.decider.js';
import { feedbackRows } from '#domain/capabilities/feedback/feedback.projection.js';
import { runErrors } from '#domain/capabilities/runs/runs.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { Authorization } from '#api/commands/authorization.js';
import { Commands } from '#api/commands/commands.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { Page } from '#api/http/paging.js';
import { FeedbackComments } from './feedback.adapter.js';
import {
  FeedbackCounts,
  FeedbackCountsQuery,
  FeedbackListQuery,
  FeedbackRequest,
  FeedbackView,
} from './feedback.contract.js';
import { feedbackIdFor, FeedbackQueries } from './feedback.queries.js';

/** Who may see a conversation may say what its answers are worth; admins see what was said. */
@Controller()
export class FeedbackController {
  constructor(
    private readonly commands: Commands,
    private readonly queries: FeedbackQueries,
    private readonly comments: FeedbackComments,
    private readonly authorization: Authorization,
  ) {}

  @Endpoint('POST /runs/:runId/feedback', {
    does: 'Say whether an answer was of use, or say it anew',
    role: 'reader',
    audit: 'feedback.given',
    returns: FeedbackView,
    waitsFor: [feedbackRows.table],
    refuses: [authorizationErrors.deniedByPolicy, runErrors.notFound, feedbackErrors.noAnswer],
  })
  async give(
    @Param('runId') runId: string,
    @Body() { rating, comment, tags }: FeedbackRequest,
    @Caller() caller: CallerContext,
  ): Promise<FeedbackView> {
    const run = await this.queries.run(runId, 'write', caller);
    if (run.status !== 'succeeded') throw new CatalogueError(feedbackErrors.noAnswer, { status: run.status });
    const { subjectId: userId } = caller.principal;
    const feedbackId = feedbackIdFor(caller.tenantId, runId, userId);
    const stored = comment === undefined ? null : await this.comments.keep(run, comment, caller);
    const of = { runId, session: run.session, corpusId: run.corpus_id, userId };
    const data = { feedbackId, ...of, rating, comment: stored, tags: [...new Set(tags)] };
    await this.commands.run(feedback, feedbackId, { type: 'GiveFeedback', data }, caller);
    return this.queries.own(runId, caller);
  }

  @Endpoint('GET /runs/:runId/feedback', {
    does: 'Show what the caller said of an answer',
    role: 'reader',
    returns: FeedbackView,
    refuses: [authorizationErrors.deniedByPolicy, feedbackErrors.notFound],
  })
  async show(@Param('runId') runId: string, @Caller() caller: CallerContext): Promise<FeedbackView> {
    await this.queries.run(runId, 'read', caller);
    return this.queries.own(runId, caller);
  }

  @Endpoint('DELETE /runs/:runId/feedback', {
    does: 'Take back what the caller said of an answer',
    role: 'reader',
    audit: 'feedback.removed',
    waitsFor: [feedbackRows.table],
    refuses: [authorizationErrors.deniedByPolicy, feedbackErrors.notFound],
  })
  async remove(@Param('runId') runId: string, @Caller() caller: CallerContext): Promise<void> {
    const feedbackId = feedbackIdFor(caller.tenantId, runId, caller.principal.subjectId);
    const { given } = await this.commands.load(feedback, feedbackId, caller);
    if (given !== null) await this.authorization.run('write', { id: runId, corpus_id: given.corpusId }, caller);
    await this.commands.run(feedback, feedbackId, { type: 'RemoveFeedback', data: {} }, caller);
  }

  @Endpoint('GET /admin/feedback', {
    does: 'List what users said of answers, the last word first',
    role: 'admin',
    returns: [FeedbackView],
  })
  list(@Query() query: FeedbackListQuery, @Caller() caller: CallerContext): Promise<Page<FeedbackView>> {
    return this.queries.list(query, caller);
  }

  @Endpoint('GET /admin/feedback/counts', {
    does: 'Count what users said of answers',
    role: 'admin',
    returns: FeedbackCounts,
  })
  counts(@Query() query: FeedbackCountsQuery, @Caller() caller: CallerContext): Promise<FeedbackCounts> {
    return this.queries.counts(query, caller);
  }
}
