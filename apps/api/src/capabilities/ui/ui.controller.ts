import { Body, Controller, Param, Query } from '@nestjs/common';
import { documentDenials } from '#domain/capabilities/authorization/authorization.decider.js';
import { documentErrors } from '#domain/capabilities/documents/documents.decider.js';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import { rolloutErrors } from '#domain/capabilities/rollouts/rollouts.decider.js';
import { uiErrors } from '#domain/capabilities/ui/ui.decider.js';
import { uiActionRows } from '#domain/capabilities/ui/ui.projection.js';
import { chunkErrors } from '#domain/kernel/text/chunker.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { httpErrors } from '#api/http/errors.js';
import type { Page } from '#api/http/paging.js';
import { policyQueryErrors } from '#infra/authorization/policies-sql.js';
import { readModelErrors } from '#infra/read-models/cursor.js';
import { ReindexDocumentAction, UiAction, UiActionAccepted, UiActionsQuery } from './ui-actions.contract.js';
import { UiActions } from './ui-actions.handler.js';
import { UiActionLog } from './ui-actions.queries.js';
import { UiBootstrap, UiSummary, UiSummaryQuery } from './ui.contract.js';
import { UiDashboard } from './ui-dashboard.queries.js';
import { UiActivities, UiActivityQuery, UiDocuments, UiDocumentsQuery } from './ui-lists.contract.js';
import { UiLists } from './ui-lists.queries.js';
import { UiStart } from './ui.queries.js';

const ofLists = [readModelErrors.invalidCursor, httpErrors.badRequest];

/** What web apps call, in the shapes that they show. */
@Controller('ui')
export class UiController {
  constructor(
    private readonly start: UiStart,
    private readonly dashboard: UiDashboard,
    private readonly lists: UiLists,
    private readonly actions: UiActions,
    private readonly log: UiActionLog,
  ) {}

  @Endpoint('GET /bootstrap', {
    does: 'Get who calls, and what its tenant may use',
    role: 'reader',
    legacy: false,
    returns: UiBootstrap,
  })
  bootstrap(@Caller() caller: CallerContext): Promise<UiBootstrap> {
    return this.start.bootstrap(caller);
  }

  @Endpoint('GET /dashboard/summary', {
    does: 'Get the figures of the first page, today included',
    role: 'admin',
    feature: 'feature.audit_access',
    legacy: false,
    returns: UiSummary,
  })
  summary(@Query() query: UiSummaryQuery, @Caller() caller: CallerContext): Promise<UiSummary> {
    return this.dashboard.summary(query.window_days, caller);
  }

  @Endpoint('GET /documents', {
    does: 'Search, sort and filter documents, with facets',
    role: 'reader',
    legacy: false,
    returns: UiDocuments,
    refuses: [...ofLists, policyQueryErrors.tooLarge],
  })
  documents(@Query() query: UiDocumentsQuery, @Caller() caller: CallerContext): Promise<UiDocuments> {
    return this.lists.documents(query, caller);
  }

  @Endpoint('GET /activity', {
    does: 'Search, sort and filter what happened, with facets',
    role: 'admin',
    feature: 'feature.audit_access',
    legacy: false,
    returns: UiActivities,
    refuses: ofLists,
  })
  activity(@Query() query: UiActivityQuery, @Caller() caller: CallerContext): Promise<UiActivities> {
    return this.lists.activity(query, caller);
  }

  @Endpoint('POST /actions/reindex-document', {
    does: 'Reindex a document, as POST /v1/documents/{documentId}/reindex does',
    role: 'editor',
    status: 202,
    audit: 'documents.reindex.enqueued',
    legacy: false,
    keyInBody: 'idempotency_key',
    returns: UiActionAccepted,
    waitsFor: [documentRows.table, uiActionRows.table],
    refuses: [
      ...documentDenials,
      documentErrors.notFound,
      documentErrors.sourceMissing,
      uiErrors.actionConflict,
      rolloutErrors.disabled,
      chunkErrors.settingsInvalid,
      chunkErrors.tooMany,
    ],
  })
  reindex(@Body() body: ReindexDocumentAction, @Caller() caller: CallerContext): Promise<UiActionAccepted> {
    return this.actions.reindexDocument(body.document_id, caller);
  }

  @Endpoint('GET /actions', {
    does: 'List actions and how they ended, newest first',
    role: 'reader',
    legacy: false,
    returns: [UiAction],
    refuses: [policyQueryErrors.tooLarge],
  })
  listActions(@Query() query: UiActionsQuery, @Caller() caller: CallerContext): Promise<Page<UiAction>> {
    return this.log.list(query, caller);
  }

  @Endpoint('GET /actions/:actionId', {
    does: 'Get an action and how it ended',
    role: 'reader',
    legacy: false,
    returns: UiAction,
    refuses: [uiErrors.actionNotFound, policyQueryErrors.tooLarge],
  })
  getAction(@Param('actionId') actionId: string, @Caller() caller: CallerContext): Promise<UiAction> {
    return this.log.get(actionId, caller);
  }
}
