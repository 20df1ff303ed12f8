import { Injectable } from '@nestjs/common';
import { validate } from 'uuid';
import { runErrors, runs, type RunState } from '#domain/capabilities/runs/runs.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { Authorization } from '#api/commands/authorization.js';
import { isOfCaller } from '#api/commands/conversations.js';
import type { CallerContext } from '#api/http/caller.js';
import { seesCorpus } from '#api/http/corpus-scope.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import type { ContentStore } from '#infra/content/content-store.js';
import type { RetrievalTrace } from '#infra/retrieval/found.js';
import { traceView, type RetrievalTraceView } from './retrieval-trace.contract.js';

/** What runs retrieved, kept with their answers, or by itself where one failed, and erased with what was asked. */
@Injectable()
export class RunTraces {
  constructor(
    private readonly path: CommandPath,
    private readonly content: ContentStore,
    private readonly authorization: Authorization,
  ) {}

  async get(runId: string, caller: CallerContext): Promise<RetrievalTraceView> {
    const { tenantId } = caller;
    // From the run's own stream: whoever has just read the last frame may ask at once.
    const run = validate(runId) ? await this.path.load(runs, tenantId, runId) : runs.initial;
    if (run.status === 'absent') throw new CatalogueError(runErrors.notFound);
    const { userId, corpusId: corpus_id } = run.asked;
    if (!isOfCaller(userId, caller) || !seesCorpus(caller, corpus_id)) throw new CatalogueError(runErrors.notFound);
    await this.authorization.run('read', { id: runId, corpus_id }, caller);
    const trace = await this.keptBy(run, tenantId);
    if (trace === undefined) throw new CatalogueError(runErrors.notFound);
    return traceView(trace);
  }

  /** With the answer, or by itself where there is none. */
  private async keptBy(run: RunState, tenantId: string): Promise<RetrievalTrace | undefined> {
    const kept = run.status === 'absent' ? undefined : (run.completed?.answer ?? run.trace);
    const bytes = kept == null ? undefined : await this.content.get(tenantId, kept.id);
    return bytes === undefined ? undefined : traceIn(bytes);
  }
}

/** Answers of before have none. */
function traceIn(bytes: Uint8Array): RetrievalTrace | undefined {
  return (JSON.parse(new TextDecoder().decode(bytes)) as { readonly trace?: RetrievalTrace }).trace;
}
