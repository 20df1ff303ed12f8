import { setTimeout as delay } from 'node:timers/promises';
import type { Answer, Answerer, AnswerPart, AnswerRequest } from '#infra/adapters/llm/answerer.js';
import { bounded } from '#infra/adapters/llm/bounded-answer.js';
import { ExtractiveAnswerer } from '#infra/adapters/llm/extractive-answerer.js';

/**
 * Answers `gated …` half, and the rest once the gate is opened; `slow <words> <ms>` word by word at that pace; `fail …` not at
 * all; `miscounted …` with tokens that are no count; anything else from the passages.
 */
export class TestAnswerer implements Answerer {
  readonly name = 'test';
  readonly configured = true;
  /** What it was asked, in order. */
  readonly asked: AnswerRequest[] = [];
  private readonly extractive = new ExtractiveAnswerer();
  private gate = Promise.withResolvers<undefined>();

  quotes(): boolean {
    return false;
  }

  async *answer(request: AnswerRequest): AsyncIterable<AnswerPart> {
    this.asked.push(request);
    const [kind, count, pace] = request.question.split(' ');
    if (kind === 'fail') throw new Error('the model is out of order, and its key is sk-secret');
    if (kind === 'miscounted') yield* this.miscounted();
    else if (kind === 'gated') yield* this.gated(request);
    else if (kind === 'slow') yield* bounded(this.slow(Number(count), Number(pace), request), request.options ?? {});
    else yield* this.extractive.answer(request);
  }

  /** Lets every gated answer go on; those asked later wait again. */
  open(): void {
    this.gate.resolve(undefined);
    this.gate = Promise.withResolvers<undefined>();
  }

  private async *gated({ signal }: AnswerRequest): AsyncIterable<AnswerPart> {
    yield { delta: 'one ' };
    yield { delta: 'two ' };
    await orAborted(this.gate.promise, signal);
    yield { delta: 'three' };
    yield { final: answerOf('one two three') };
  }

  private async *miscounted(): AsyncIterable<AnswerPart> {
    const answer = answerOf('one');
    yield { delta: answer.text };
    yield await Promise.resolve({ final: { ...answer, tokens: { ...answer.tokens, output: 1.5 } } });
  }

  private async *slow(words: number, ms: number, { signal }: AnswerRequest): AsyncIterable<AnswerPart> {
    let text = '';
    for (let at = 1; at <= words; at += 1) {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
      const delta = `word-${at} `;
      text += delta;
      yield { delta };
    }
    yield { final: answerOf(text) };
  }
}

function answerOf(text: string): Answer {
  return {
    text,
    citations: [],
    degraded: false,
    reasonCode: null,
    provider: 'test',
    model: 'test-v1',
    attempts: 1,
    finishReason: 'stop',
    droppedCitations: 0,
    tokens: { input: 12, cached: 5, output: 3, reasoning: 1, estimated: false },
  };
}

function orAborted(promise: Promise<unknown>, signal: AbortSignal | undefined): Promise<unknown> {
  if (signal === undefined) return promise;
  const aborted = new Promise((_, reject) => {
    const fail = (): void => reject(new Error('aborted', { cause: signal.reason }));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
  return Promise.race([promise, aborted]);
}
