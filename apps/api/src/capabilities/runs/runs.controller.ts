import { Body, Controller } from '@nestjs/common';
import { authorizationErrors } from '#domain/capabilities/authorization/authorization.decider.js';
import { rolloutErrors } from '#domain/capabilities/rollouts/rollouts.decider.js';
import { runErrors } from '#domain/capabilities/runs/runs.decider.js';
import { filterErrors } from '#domain/kernel/filter/filter-limits.js';
import { Authorization } from '#api/commands/authorization.js';
import { isOfCaller } from '#api/commands/conversations.js';
import { Hearing, hearingFailures, MAX_AUDIO_BYTES } from '#api/commands/hearing.js';
import { questionFailures } from '#infra/adapters/embedding/embedding-errors.js';
import { speechErrors } from '#infra/adapters/speech/speech-errors.js';
import { Questions } from '#api/commands/questions.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { seesCorpus } from '#api/http/corpus-scope.js';
import { Endpoint } from '#api/http/endpoint.js';
import { httpErrors, invalid } from '#api/http/errors.js';
import { Upload, type UploadedFile } from '#api/http/upload.js';
import { Stream } from '#api/http/events-param.js';
import { filterOf } from '#api/http/filters.js';
import { StreamOpener } from '#api/http/sse.js';
import { policyQueryErrors } from '#infra/authorization/policies-sql.js';
import { newId } from '#infra/commands/ids.js';
import type { StreamKey } from '#infra/recorded-streams/stream-writer.js';
import { parseResumePoint, runFrame } from './run-frames.contract.js';
import { RunRequest } from './runs.contract.js';
import { RunPlayback } from './runs.queries.js';

@Controller()
export class RunsController {
  constructor(
    private readonly questions: Questions,
    private readonly playback: RunPlayback,
    private readonly hearing: Hearing,
    private readonly authorization: Authorization,
  ) {}

  @Endpoint('POST /run', {
    does: 'Answer a question, written or spoken, from the passages of a corpus, as a stream of events',
    role: 'reader',
    rate: 'run',
    audit: 'run.invoked',
    stream: true,
    idempotent: false,
    settlesUnits: true,
    upload: { maxBytes: MAX_AUDIO_BYTES, optional: true },
    refuses: [
      authorizationErrors.deniedByPolicy,
      policyQueryErrors.tooLarge,
      filterErrors.invalid,
      filterErrors.tooComplex,
      runErrors.busy,
      rolloutErrors.disabled,
      speechErrors.nothingSaid,
      ...hearingFailures,
      ...questionFailures,
      httpErrors.idempotencyConflict,
      httpErrors.featureNotEnabled,
    ],
  })
  async run(
    @Body() body: RunRequest,
    @Upload({ optional: true }) file: UploadedFile | undefined,
    @Caller() caller: CallerContext,
    @Stream() opener: StreamOpener,
  ): Promise<void> {
    await this.questions.open(caller);
    const lastEventId = caller.header('last-event-id');
    if (lastEventId !== undefined) return this.resume(lastEventId, body, caller, opener);
    const question = {
      sessionId: body.session_id,
      corpusId: body.corpus_id,
      ...this.questionIn(body, file),
      topK: body.top_k ?? null,
      filter: filterOf(body.filter),
      audio: body.audio,
    };
    const runId = await this.questions.begin(question, caller, opener.left());
    const key = { tenantId: caller.tenantId, streamId: runId };
    await this.playback.play(key, 0, opener.open(), () => unplayable(body, caller));
  }

  /** A question is written or spoken, and not both. */
  private questionIn({ message, language }: RunRequest, file: UploadedFile | undefined) {
    if (file !== undefined && message === undefined)
      return { message: '', speech: this.hearing.utteranceIn(file, { language }) };
    if (file !== undefined)
      throw invalid([{ type: 'value_error', loc: ['body', 'message'], msg: 'must be left out beside a file' }]);
    if (message === undefined) throw invalid([{ type: 'missing', loc: ['body', 'message'], msg: 'is required' }]);
    return { message };
  }

  private async resume(id: string, body: RunRequest, caller: CallerContext, opener: StreamOpener): Promise<void> {
    caller.repeats();
    const point = parseResumePoint(id);
    const key = point === undefined ? undefined : { tenantId: caller.tenantId, streamId: point.runId };
    if (key !== undefined && point !== undefined && (await this.mayPlay(key, caller))) {
      return this.playback.play(key, point.seq, opener.open(), () => unplayable(body, caller));
    }
    const stream = opener.open();
    await stream.send(unplayable(body, caller));
    stream.end();
  }

  /** Whose conversation it is may resume a run, and the tenant's admins; a key that is limited to corpora none of another one, and nobody what policies deny. */
  private async mayPlay(key: StreamKey, caller: CallerContext): Promise<boolean> {
    if (!(await this.playback.exists(key))) return false;
    const asked = await this.playback.askedIn(key);
    if (asked === undefined || !isOfCaller(asked.userId, caller) || !seesCorpus(caller, asked.corpusId)) return false;
    await this.authorization.run('read', { id: key.streamId, corpus_id: asked.corpusId }, caller);
    return true;
  }
}

/** What is sent in place of frames that are not there, or not for this caller. */
function unplayable({ session_id: sessionId }: RunRequest, { requestId }: CallerContext): string {
  const frames = { runId: newId(), requestId, sessionId };
  const message = 'This stream cannot be resumed; send the request again without Last-Event-ID';
  return runFrame(frames, 'resume.unsupported', { message })(1) + runFrame(frames, 'done', {})(2);
}
