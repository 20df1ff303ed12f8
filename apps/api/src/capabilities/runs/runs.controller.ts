import { Body, Controller } from '@nestjs/common';
import { rolloutErrors } from '#domain/capabilities/rollouts/rollouts.decider.js';
import { runErrors } from '#domain/capabilities/runs/runs.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { isOfCaller } from '#api/commands/conversations.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { CorpusScope, seesCorpus } from '#api/http/corpus-scope.js';
import { Endpoint } from '#api/http/endpoint.js';
import { httpErrors } from '#api/http/errors.js';
import { Stream } from '#api/http/events-param.js';
import { idempotencyKey } from '#api/http/idempotency.js';
import { StreamOpener } from '#api/http/sse.js';
import { newId } from '#infra/commands/ids.js';
import type { StreamKey } from '#infra/recorded-streams/stream-writer.js';
import { parseResumePoint, runFrame } from './run-frames.contract.js';
import { RunAdmission } from './run-admission.handler.js';
import { RunRequest } from './runs.contract.js';
import { RunPlayback } from './runs.queries.js';
import { RunExecutor } from './runs.handler.js';

@Controller()
export class RunsController {
  constructor(
    private readonly executor: RunExecutor,
    private readonly admission: RunAdmission,
    private readonly scope: CorpusScope,
    private readonly playback: RunPlayback,
  ) {}

  @Endpoint('POST /run', {
    does: 'Answer a question from the passages of a corpus, as a stream of events',
    role: 'reader',
    rate: 'run',
    audit: 'run.invoked',
    stream: true,
    idempotent: false,
    settlesUnits: true,
    refuses: [runErrors.busy, rolloutErrors.disabled, httpErrors.idempotencyConflict, httpErrors.featureNotEnabled],
  })
  async run(@Body() body: RunRequest, @Caller() caller: CallerContext, @Stream() opener: StreamOpener): Promise<void> {
    await this.admission.open(caller);
    const lastEventId = caller.header('last-event-id');
    if (lastEventId !== undefined) return this.resume(lastEventId, body, caller, opener);
    await this.scope.require(body.corpus_id, caller);
    const key = caller.versioned ? idempotencyKey(caller.header('idempotency-key')) : undefined;
    const runId = key === undefined ? newId() : this.playback.runIdOf(caller.principal, key);
    const [conversation, corpus] = await Promise.all([
      this.admission.conversation(body.session_id, caller),
      this.admission.admit({ corpusId: body.corpus_id, audio: body.audio }, caller),
    ]);
    const asked = {
      sessionId: body.session_id,
      conversation,
      corpusId: body.corpus_id,
      message: body.message,
      topK: body.top_k ?? null,
      audio: body.audio,
      corpora: caller.principal.scopes?.corpora ?? null,
      corpus,
    };
    const started = await this.executor.start(runId, asked, caller.facts, caller.context);
    if (!started && !(await this.playback.isRepeat(caller.tenantId, runId, asked))) {
      throw new CatalogueError(httpErrors.idempotencyConflict);
    }
    if (started) caller.serves();
    else caller.repeats();
    await this.playback.play({ tenantId: caller.tenantId, streamId: runId }, 0, opener.open());
  }

  private async resume(id: string, body: RunRequest, caller: CallerContext, opener: StreamOpener): Promise<void> {
    caller.repeats();
    const point = parseResumePoint(id);
    const key = point === undefined ? undefined : { tenantId: caller.tenantId, streamId: point.runId };
    if (key !== undefined && point !== undefined && (await this.mayPlay(key, caller))) {
      await this.playback.play(key, point.seq, opener.open());
      return;
    }
    const stream = opener.open();
    const frames = { runId: newId(), requestId: caller.requestId, sessionId: body.session_id };
    const message = 'This stream cannot be resumed; send the request again without Last-Event-ID';
    await stream.send(runFrame(frames, 'resume.unsupported', { message })(1));
    await stream.send(runFrame(frames, 'done', {})(2));
    stream.end();
  }

  /** Whose conversation it is may resume a run, and the tenant's admins; a key that is limited to corpora none of another one. */
  private async mayPlay(key: StreamKey, caller: CallerContext): Promise<boolean> {
    if (!(await this.playback.exists(key))) return false;
    const asked = await this.playback.askedIn(key);
    return asked !== undefined && isOfCaller(asked.userId, caller) && seesCorpus(caller, asked.corpusId);
  }
}
