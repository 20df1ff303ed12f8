import type { FinalAnswer } from '#api/commands/questions.js';
import type { ChatAnnotation, ChatCompletion, ChatRun, ChatUsage } from './chat-answer.contract.js';

/** What every part of one answer shares. */
export interface ChatContext {
  readonly runId: string;
  readonly sessionId: string;
  readonly model: string;
  /** Seconds since 1970. */
  readonly created: number;
}

function head({ runId, created, model }: ChatContext) {
  return { id: `chatcmpl-${runId}`, created, model };
}

function runOf({ runId, sessionId }: ChatContext, final?: FinalAnswer): ChatRun {
  const marks =
    final === undefined
      ? {}
      : { degraded: final.degraded, ...(final.reason_code === undefined ? {} : { reason_code: final.reason_code }) };
  return { id: runId, session_id: sessionId, ...marks };
}

export function annotationsOf({ text, citations }: FinalAnswer): ChatAnnotation[] {
  return citations.map((citation, at) => {
    const index = text.indexOf(`[${at + 1}]`);
    const { source, document_id, chunk_id, start, end, page_start: page, page_end, score } = citation;
    const place = { file_id: document_id, filename: source, marker: at + 1, index: index < 0 ? null : index };
    return {
      type: 'file_citation',
      file_citation: { ...place, document_id, chunk_id, start, end, page, page_end, score },
    };
  });
}

function finishOf({ finish_reason: reason = 'stop' }: FinalAnswer): 'stop' | 'length' | 'content_filter' {
  return reason === 'refused' ? 'content_filter' : reason;
}

export function completionOf(context: ChatContext, final: FinalAnswer, usage: ChatUsage): ChatCompletion {
  const { text: content } = final;
  const message = { role: 'assistant', content, refusal: null, annotations: annotationsOf(final) } as const;
  return {
    ...head(context),
    object: 'chat.completion',
    choices: [{ index: 0, message, finish_reason: finishOf(final), logprobs: null }],
    usage,
    run: runOf(context, final),
  };
}

/** One `data:` line of the stream and the empty line after it. */
export function dataLine(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

export const DONE_LINE = 'data: [DONE]\n\n';

/** Comments are no data for any client, and keep proxies from closing a silent stream. */
export const KEEP_ALIVE_LINE = ': keep-alive\n\n';

/** A chunk that says something; with `include_usage` every chunk but the last has `usage: null`. */
export class ChunkMaker {
  constructor(
    private readonly context: ChatContext,
    private readonly withUsage: boolean,
  ) {}

  first(): string {
    return this.chunk({ role: 'assistant', content: '' }, null, { run: runOf(this.context) });
  }

  delta(content: string): string {
    return this.chunk({ content }, null);
  }

  last(final: FinalAnswer): string {
    const more = { run: runOf(this.context, final) };
    return this.chunk({ annotations: annotationsOf(final) }, finishOf(final), more);
  }

  usage(usage: ChatUsage): string {
    return dataLine({ ...head(this.context), object: 'chat.completion.chunk', choices: [], usage });
  }

  private chunk(delta: object, finish_reason: string | null, more: object = {}): string {
    const choices = [{ index: 0, delta, finish_reason, logprobs: null }];
    const usage = this.withUsage ? { usage: null } : {};
    return dataLine({ ...head(this.context), object: 'chat.completion.chunk', choices, ...usage, ...more });
  }
}
