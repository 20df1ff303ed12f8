import { filterErrors } from '#domain/kernel/filter/filter-limits.js';
import { questionFailures } from '#infra/adapters/embedding/embedding-errors.js';
import { retrievalErrors } from '#infra/adapters/retrieval/retrieval-errors.js';
import { runErrors } from '#domain/capabilities/runs/runs.decider.js';
import { CatalogueError, type ErrorRow } from '#domain/kernel/errors.js';
import { Questions } from '#api/commands/questions.js';
import type { AnswerKey, FinalAnswer, Said } from '#api/commands/questions.js';
import { answerOf } from '#api/http/errors.js';
import { openAiError } from '#api/http/openai-errors.js';
import type { SseStream } from '#api/http/sse.js';
import { Injectable } from '@nestjs/common';
import { outboundErrors } from '#infra/shared-state/outbound.js';
import type { ChatCompletion, ChatUsage } from './chat-answer.contract.js';
import {
  ChunkMaker,
  completionOf,
  dataLine,
  DONE_LINE,
  KEEP_ALIVE_LINE,
  type ChatContext,
} from './chat-chunks.adapter.js';
import { openAiErrors } from './openai.contract.js';

/** What a run may end with instead of an answer; what is not here is told as `RUN_FAILED`, with its own sentence. */
export const chatFailures: readonly ErrorRow[] = [
  runErrors.retrievalFailed,
  ...Object.values(retrievalErrors),
  ...questionFailures,
  filterErrors.unsupported,
  runErrors.interrupted,
  ...Object.values(outboundErrors),
  openAiErrors.runFailed,
];

/** Tells what a run says to clients of the chat protocol. */
@Injectable()
export class ChatPlayback {
  constructor(private readonly questions: Questions) {}

  /** The whole answer, once the run has ended. Rejects with the run's failure, and when the client leaves before. */
  async complete(key: AnswerKey, model: string, signal: AbortSignal): Promise<ChatCompletion> {
    let context = contextOf(key, model);
    let final: FinalAnswer | undefined;
    for await (const said of this.questions.follow(key, signal)) {
      if (said.kind === 'accepted') context = contextOf(key, model, said);
      if (said.kind === 'failed') throw failureOf(said);
      if (said.kind === 'final') final = said.final;
    }
    if (final === undefined) throw new CatalogueError(openAiErrors.runFailed);
    return completionOf(context, final, await this.usageOf(key));
  }

  /** The answer in chunks as it is made, and `[DONE]`; a failure is the last line instead. */
  async stream(key: AnswerKey, model: string, withUsage: boolean, stream: SseStream): Promise<void> {
    let maker = new ChunkMaker(contextOf(key, model), withUsage);
    try {
      for await (const said of this.questions.follow(key, stream.signal)) {
        if (said.kind === 'accepted') maker = new ChunkMaker(contextOf(key, model, said), withUsage);
        if (!(await stream.send(await this.linesOf(key, maker, said, withUsage)))) break;
      }
    } finally {
      stream.end();
    }
  }

  private async linesOf(key: AnswerKey, maker: ChunkMaker, said: Said, withUsage: boolean): Promise<string> {
    switch (said.kind) {
      case 'silence':
        return KEEP_ALIVE_LINE;
      case 'accepted':
        return maker.first();
      case 'delta':
        return maker.delta(said.delta);
      case 'final':
        return `${maker.last(said.final)}${withUsage ? maker.usage(await this.usageOf(key)) : ''}${DONE_LINE}`;
      case 'failed':
        return dataLine(openAiError(answerOf(failureOf(said))));
    }
  }

  private async usageOf(key: AnswerKey): Promise<ChatUsage> {
    const used = await this.questions.tokensOf(key);
    const { inputTokens: prompt_tokens, outputTokens: completion_tokens } = used;
    return {
      prompt_tokens,
      completion_tokens,
      total_tokens: prompt_tokens + completion_tokens,
      prompt_tokens_details: { cached_tokens: used.cachedTokens },
      completion_tokens_details: { reasoning_tokens: used.reasoningTokens },
    };
  }
}

function contextOf(key: AnswerKey, model: string, accepted?: Extract<Said, { kind: 'accepted' }>): ChatContext {
  const created = Math.floor((accepted === undefined ? Date.now() : Date.parse(accepted.at)) / 1_000);
  return { runId: key.runId, sessionId: accepted?.sessionId ?? '', model, created };
}

function failureOf({ code, message }: Extract<Said, { kind: 'failed' }>): CatalogueError {
  const known = chatFailures.find((row) => row.code === code);
  if (known !== undefined) return new CatalogueError(known);
  return new CatalogueError(openAiErrors.runFailed, { run_code: code, run_message: message });
}
