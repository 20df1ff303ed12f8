import { runErrors, runs } from '#domain/capabilities/runs/runs.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Hearing } from '#api/commands/hearing.js';
import { Questions } from '#api/commands/questions.js';
import type { AnswerKey, FinalAnswer, Question, Said, TokensUsed } from '#api/commands/questions.js';
import type { CallerContext } from '#api/http/caller.js';
import type { CorpusScope } from '#api/http/corpus-scope.js';
import { httpErrors, invalid } from '#api/http/errors.js';
import { idempotencyKey } from '#api/http/idempotency.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { derivedId, newId } from '#infra/commands/ids.js';
import { FramesGone } from '#infra/recorded-streams/stream-writer.js';
import { speechErrors } from '#infra/adapters/speech/speech-errors.js';
import type { RunAdmission } from './run-admission.handler.js';
import { sentIn } from './run-frames.contract.js';
import { LONGEST_QUESTION } from './runs.contract.js';
import type { RunPlayback } from './runs.queries.js';
import type { RunExecutor } from './runs.handler.js';

/** Lets questions in as runs: who may ask, of which corpus, and once under one key. */
export class RunEntry extends Questions {
  constructor(
    private readonly executor: RunExecutor,
    private readonly admission: RunAdmission,
    private readonly scope: CorpusScope,
    private readonly playback: RunPlayback,
    private readonly path: CommandPath,
    private readonly hearing: Hearing,
  ) {
    super();
  }

  override open(caller: CallerContext): Promise<void> {
    return this.admission.open(caller);
  }

  override async mayAsk(corpusId: string, caller: CallerContext): Promise<void> {
    await this.scope.require(corpusId, caller);
    await this.admission.mayAsk(corpusId, caller);
  }

  override ownSession(caller: CallerContext): string {
    return `own:${this.runIdOf(caller)}`;
  }

  override async begin(question: Question, caller: CallerContext, left?: AbortSignal): Promise<string> {
    await this.scope.require(question.corpusId, caller);
    const runId = this.runIdOf(caller);
    const [conversation, admitted] = await Promise.all([
      this.admission.conversation(question.sessionId, caller),
      this.admission.admitQuestion(question, caller),
    ]);
    const { answerHeaders: headers } = caller;
    const corpora = caller.principal.scopes?.corpora ?? null;
    const heard = await this.heardIn(question, runId, caller, left);
    const asked = { ...question, ...heard, conversation, corpora, ...admitted, headers };
    // What nobody heard was heard before: the run is there.
    const unheard = question.speech !== undefined && heard === undefined;
    const started = !unheard && (await this.executor.start(runId, asked, caller.facts, caller.context));
    if (!started && !(await this.playback.isRepeat(caller.tenantId, runId, asked))) {
      throw new CatalogueError(httpErrors.idempotencyConflict);
    }
    if (started) caller.serves();
    else await this.repeat({ tenantId: caller.tenantId, runId }, caller);
    return runId;
  }

  /** What is said in a spoken question; undefined where nothing is, or where its run is there already. */
  private async heardIn(
    { speech }: Question,
    runId: string,
    caller: CallerContext,
    signal = new AbortController().signal,
  ): Promise<Pick<Question, 'message' | 'heard'> | undefined> {
    if (speech === undefined || (await this.playback.exists({ tenantId: caller.tenantId, streamId: runId })))
      return undefined;
    const transcriptionId = derivedId(runId, 'transcription');
    const heard = await this.hearing.hear(speech, { transcriptionId, runId, caller, signal });
    if (heard.text === '') throw new CatalogueError(speechErrors.nothingSaid);
    if (heard.text.length > LONGEST_QUESTION)
      throw invalid([{ type: 'string_too_long', loc: ['body', 'file'], msg: 'must hold a shorter question' }]);
    return { message: heard.text, heard };
  }

  /** What is sent again is sent under every header of the first answer, and says that it is a repeat. */
  private async repeat({ tenantId, runId }: AnswerKey, caller: CallerContext): Promise<void> {
    caller.repeats();
    const headers = await this.playback.headersOf({ tenantId, streamId: runId });
    for (const [name, value] of Object.entries(headers)) caller.setHeader(name, value);
    caller.setHeader('idempotency-replayed', 'true');
  }

  override async *follow({ tenantId, runId }: AnswerKey, signal: AbortSignal): AsyncIterable<Said> {
    try {
      for await (const { text } of this.playback.follow({ tenantId, streamId: runId }, 0, signal)) {
        const said = saidIn(text);
        if (said !== undefined) yield said;
      }
    } catch (error) {
      if (!(error instanceof FramesGone)) throw error;
      yield { kind: 'failed', code: runErrors.interrupted.code, message: runErrors.interrupted.title };
    }
  }

  override async tokensOf({ tenantId, runId }: AnswerKey): Promise<TokensUsed> {
    // The outcome is in the log before its last message is told.
    const state = await this.path.load(runs, tenantId, runId);
    const completed = state.status === 'ended' ? state.completed : undefined;
    if (completed === undefined) return { inputTokens: 0, outputTokens: 0, cachedTokens: 0, reasoningTokens: 0 };
    const { inputTokens, outputTokens, cachedTokens, reasoningTokens } = completed;
    return { inputTokens, outputTokens, cachedTokens, reasoningTokens };
  }

  private runIdOf(caller: CallerContext): string {
    const key = caller.versioned ? idempotencyKey(caller.header('idempotency-key')) : undefined;
    return key === undefined ? newId() : this.playback.runIdOf(caller.principal, key);
  }
}

function saidIn(text: string): Said | undefined {
  const { type, session_id: sessionId = '', data = {} } = sentIn(text);
  switch (type) {
    case undefined:
      return { kind: 'silence' };
    case 'request.accepted':
      return { kind: 'accepted', at: String(data['accepted_at']), sessionId };
    case 'token.delta':
      return { kind: 'delta', delta: String(data['delta']) };
    case 'message.final':
      return { kind: 'final', final: data as unknown as FinalAnswer };
    case 'error':
      return { kind: 'failed', code: String(data['code']), message: String(data['message']) };
    default:
      return undefined;
  }
}
