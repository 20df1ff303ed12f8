import fc from 'fast-check';
import { chunkText } from '#domain/kernel/text/chunker.js';
import type { Answer, AnswerOptions, AnswerPassage } from './answerer.js';
import { ExtractiveAnswerer } from './extractive-answerer.js';

const answerer = new ExtractiveAnswerer();

async function ask(
  question: string,
  passages: readonly AnswerPassage[],
  options: AnswerOptions = {},
): Promise<{ deltas: string[]; final: Answer }> {
  const deltas: string[] = [];
  let final: Answer | undefined;
  for await (const part of answerer.answer({ tenantId: 'acme', question, history: [], passages, options })) {
    if ('final' in part) final = part.final;
    else deltas.push(part.delta);
  }
  if (final === undefined) throw new Error('The stream had no final part.');
  return { deltas, final };
}

function passagesOf(text: string, size = 200): AnswerPassage[] {
  return chunkText(text, { size, overlap: 20 }).map((chunk) => ({
    chunkId: `chunk-${chunk.ordinal}`,
    documentId: 'doc',
    source: 'document://doc',
    text: chunk.text,
    start: chunk.start,
    end: chunk.end,
    score: 0.5,
  }));
}

const text = [
  'Tides follow the moon. The sea rises twice a day.',
  'Volcanoes release gas. Ash falls on the fields around a volcano.',
  'Glaciers move slowly. Ice melts at their end.',
].join('\n\n');

describe('the extractive answerer', () => {
  it('quotes the sentence that answers, with a citation that points at it', async () => {
    const { final } = await ask('What falls around a volcano?', passagesOf(text, 80));
    const [citation] = final.citations;
    expect(text.slice(citation?.start, citation?.end)).toContain('Ash falls on the fields around a volcano.');
    expect(citation?.quote).toBe(text.slice(citation?.start, citation?.end));
    expect(final.text).toContain('[1]');
    expect(final).toMatchObject({ degraded: true, reasonCode: 'llm_unconfigured' });
  });

  it('says plainly that it found nothing', async () => {
    const { final } = await ask('Who wrote the constitution of France?', passagesOf(text));
    expect(final.citations).toEqual([]);
    expect(final.text).toBe('The documents that you can read say nothing about this question.');
    expect((await ask('anything', [])).final.citations).toEqual([]);
  });

  it('streams a few words at a time, which join to the final text', async () => {
    const { deltas, final } = await ask('How do tides follow the moon?', passagesOf(text));
    expect(deltas.length).toBeGreaterThan(1);
    for (const delta of deltas) expect(delta.trim().split(/\s+/u).length).toBeLessThanOrEqual(8);
    expect(deltas.join('')).toBe(final.text);
  });

  it('quotes exactly what its citations point at, whatever the text', async () => {
    const words = fc.constantFrom(
      'moon',
      'tide',
      'sea.',
      'Ice',
      'melts!',
      '\n\n',
      '\r\n',
      '🌊',
      '“quoted”',
      'Heading',
      '- ',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(words, { maxLength: 120 }), fc.integer({ min: 5, max: 300 }), async (parts, size) => {
        const source = parts.join(' ');
        const { deltas, final } = await ask(
          'Does the moon move the tide and the sea?',
          passagesOf(source, Math.max(21, size)),
        );
        expect(deltas.join('')).toBe(final.text);
        final.citations.forEach(({ start, end }, at) => {
          expect(final.text).toContain(`“${source.slice(start, end)}” [${at + 1}]`);
        });
      }),
    );
  });

  describe('on records of a table', () => {
    const rows = [
      'Thing: samovar; Metal: copper; Note: holds 5.5 l. Made in Tula',
      'Thing: kettle; Metal: steel',
      'Thing: teapot; Metal: tin',
    ];
    const table = (lines: readonly string[]) => lines.map((line) => `${line}\n\n`).join('');

    it('quotes the whole record that answers', async () => {
      const { final } = await ask('Which metal is the samovar made of?', passagesOf(`# Stock\n\n${table(rows)}`, 400));
      expect(final.citations[0]?.quote).toBe(rows[0]);
      expect(final.text).toContain(`“${rows[0] ?? ''}” [1]`);
    });

    it('tells records apart that differ in one value only', async () => {
      const many = ['Tula', 'Kazan'].map((city) => `Kind: samovar; Metal: copper; Litres: 5; Age: old; City: ${city}`);
      const { final } = await ask('Which copper samovar is there?', passagesOf(table(many), 400));
      expect(final.citations.map(({ quote }) => quote).sort()).toEqual([...many].sort());
    });

    it('takes rows of one column for records, and what stands alone for a heading', async () => {
      const names = table(['Thing: samovar', 'Thing: kettle']);
      expect((await ask('Is there a samovar?', passagesOf(names))).final.citations[0]?.quote).toBe('Thing: samovar');
      const chapter = passagesOf('Part one: samovar\n\nIt is made of copper.');
      expect((await ask('What is the samovar made of?', chapter)).final.citations[0]?.quote).toBe(
        'It is made of copper.',
      );
    });
  });

  describe('on a text with references of its own', () => {
    const referring = 'The moon moves the tides.[7] Tides rise twice a day.[2, 3]';

    it('has no other markers than those of its citations, which quote the text as it is', async () => {
      const { deltas, final } = await ask('What moves the tides?', passagesOf(referring));
      expect(deltas.join('')).toBe(final.text);
      const markers = final.citations.map((_, at) => `[${at + 1}]`);
      expect(final.text.match(/\[[\d, ]+\]/gu)).toEqual(markers);
      expect(final.text).toContain('(7)');
      for (const { quote, start, end } of final.citations) expect(quote).toBe(referring.slice(start, end));
      expect(final.citations.map(({ quote }) => quote).join(' ')).toContain('[7]');
    });

    it('keeps no citation for a reference that it quotes when it is cut', async () => {
      const { final } = await ask('What moves the tides?', passagesOf(referring), { maxOutputTokens: 13 });
      expect(final).toMatchObject({ finishReason: 'length', citations: [] });
      expect(final.text).toContain('(7)');
    });
  });

  it('is as long as its caller allows, and counts what it tells', async () => {
    const { final } = await ask('What falls around a volcano?', passagesOf(text, 80), { maxOutputTokens: 8 });
    expect(final).toMatchObject({ finishReason: 'length', citations: [], tokens: { output: 8 } });
  });

  it('stops when the run is cancelled', async () => {
    const abort = new AbortController();
    const stream = answerer.answer({
      tenantId: 'acme',
      question: 'tides',
      history: [],
      passages: passagesOf(text),
      signal: abort.signal,
    });
    const read = async (): Promise<void> => {
      for await (const part of stream) if ('delta' in part) abort.abort();
    };
    await expect(read()).rejects.toThrow();
  });
});
