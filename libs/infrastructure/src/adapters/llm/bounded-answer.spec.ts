import fc from 'fast-check';
import { estimatedTokens } from '#domain/kernel/text/tokens.js';
import type { Answer, AnswerOptions, AnswerPart, Citation } from './answerer.js';
import { bounded } from './bounded-answer.js';

const place = { document_id: 'd', chunk_id: 'c', start: 0, end: 1, page_start: null, page_end: null, quote: null };
const citation: Citation = { source: 's', ...place, score: 1 };
const rest = {
  degraded: false,
  reasonCode: null,
  provider: 'test',
  model: 'test-v1',
  attempts: 1,
  finishReason: 'stop' as const,
  droppedCitations: 0,
  tokens: { input: 1, cached: 0, output: 1, reasoning: 0, estimated: false },
};

async function* said(deltas: readonly string[], citations = 0): AsyncIterable<AnswerPart> {
  for (const delta of deltas) yield { delta };
  const text = deltas.join('');
  const given = Array.from({ length: citations }, () => citation);
  yield await Promise.resolve({ final: { text, citations: given, ...rest } });
}

async function heard(parts: AsyncIterable<AnswerPart>): Promise<{ told: string; final: Answer }> {
  let told = '';
  for await (const part of parts) {
    if ('final' in part) return { told, final: part.final };
    told += part.delta;
  }
  throw new Error('there was no last part');
}

const within = (deltas: readonly string[], bounds: AnswerOptions, citations = 0) =>
  heard(bounded(said(deltas, citations), bounds));

describe('a bounded answer', () => {
  it('is what the model said where nothing bounds it', async () => {
    const { told, final } = await within(['one ', 'two'], {}, 1);
    expect({ told, final }).toEqual({
      told: 'one two',
      final: { text: 'one two', citations: [citation], ...rest },
    });
  });

  it('ends before a stop sequence, also one that comes in pieces, and never tells the beginning of it', async () => {
    const { told, final } = await within(['one EN', 'D two ', 'END'], { stop: ['END'] });
    expect(told).toBe('one ');
    expect(final).toMatchObject({ text: 'one ' });
    expect(final.finishReason).toBe('stop');
  });

  it('tells what looked like the beginning of a stop sequence and was none', async () => {
    expect(await within(['one EN', 'OUGH'], { stop: ['END'] })).toMatchObject({ told: 'one ENOUGH' });
    expect(await within(['one EN'], { stop: ['END'] })).toMatchObject({ told: 'one EN', final: { text: 'one EN' } });
  });

  it('is cut at whole words when it is too long, and says so', async () => {
    const { told, final } = await within(['four five six seven eight'], { maxOutputTokens: 3 });
    expect(told).toBe('four five six');
    expect(final).toMatchObject({ text: 'four five six', finishReason: 'length' });
  });

  it('counts the tokens of what is told where they are counted by rule, and keeps what a provider counted', async () => {
    const cutOf = async (estimated: boolean) => {
      const tokens = { ...rest.tokens, output: 6, estimated };
      const whole = { text: 'four five six seven eight', citations: [], ...rest, tokens };
      const parts = (async function* (): AsyncIterable<AnswerPart> {
        yield { delta: whole.text };
        yield await Promise.resolve({ final: whole });
      })();
      return (await heard(bounded(parts, { maxOutputTokens: 3 }))).final.tokens.output;
    };
    expect([await cutOf(true), await cutOf(false)]).toEqual([3, 6]);
  });

  it('keeps the citations whose markers it still has', async () => {
    const { final } = await within(['a [1] b [2] STOP c [3]'], { stop: ['STOP'] }, 3);
    expect(final.citations).toHaveLength(2);
  });

  it('is the same text in its deltas and at its end, and never longer than it may be, however it comes', async () => {
    const word = fc.constantFrom('a', 'word ', 'S', 'T', 'OP', ' and ', 'more[1] ', '\n', '🙂');
    await fc.assert(
      fc.asyncProperty(
        fc.array(word, { maxLength: 30 }),
        fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
        fc.boolean(),
        async (deltas, most, stops) => {
          const bounds = { ...(most === undefined ? {} : { maxOutputTokens: most }), ...(stops && { stop: ['STOP'] }) };
          const { told, final } = await within(deltas, bounds);
          expect(told).toBe(final.text);
          expect(deltas.join('').startsWith(told)).toBe(true);
          if (stops) expect(told).not.toContain('STOP');
          if (most !== undefined) expect(estimatedTokens([told])).toBeLessThanOrEqual(most);
        },
      ),
    );
  });
});
