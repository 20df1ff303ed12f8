import { Injectable } from '@nestjs/common';
import { runErrors } from '#domain/capabilities/runs/runs.decider.js';
import { runRows } from '#domain/capabilities/runs/runs.projection.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { isOfCaller } from '#api/commands/conversations.js';
import { ReadYourWrites } from '#api/commands/read-your-writes.js';
import type { CallerContext } from '#api/http/caller.js';
import { seesCorpus } from '#api/http/corpus-scope.js';
import type { ContentStore } from '#infra/content/content-store.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import type { RetrievalTrace } from '#infra/retrieval/found.js';
import { traceView, type RetrievalTraceView } from './retrieval-trace.contract.js';

/** What runs retrieved, kept with their answers and erased with them. */
@Injectable()
export class RunTraces {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
    private readonly content: ContentStore,
  ) {}

  async get(runId: string, caller: CallerContext): Promise<RetrievalTraceView> {
    await this.reads.before(runRows.table, caller);
    const { tenantId } = caller;
    const run = await this.models.for(runRows).find(tenantId, runId);
    const mine = run !== undefined && isOfCaller(run.user_id, caller) && seesCorpus(caller, run.corpus_id);
    const id = mine ? run.answer_content_id : null;
    const bytes = id === null ? undefined : await this.content.get(tenantId, id);
    const trace = bytes === undefined ? undefined : traceIn(bytes);
    if (trace === undefined) throw new CatalogueError(runErrors.notFound);
    return traceView(trace);
  }
}

/** Answers of before have none. */
function traceIn(bytes: Uint8Array): RetrievalTrace | undefined {
  return (JSON.parse(new TextDecoder().decode(bytes)) as { readonly trace?: RetrievalTrace }).trace;
}
