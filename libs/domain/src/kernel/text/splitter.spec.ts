import fc from 'fast-check';
import { chunkText, type ChunkSettings } from './chunker.js';
import { Splitter } from './splitter.js';

const settings: ChunkSettings = { size: 120, overlap: 20 };
const words = fc.constantFrom(
  'alpha',
  'beta.',
  'gamma!',
  '\n\n',
  '# Title\n\n',
  '- item\n',
  'a | b\n',
  '日本語。',
  '👩‍👩‍👧',
  ' ',
);
const texts = fc.array(words, { maxLength: 400 }).map((parts) => parts.join(' '));

function split(parts: readonly string[], structured = false) {
  const splitter = new Splitter(settings, { structured }, 600);
  return [...parts.flatMap((part) => splitter.push(part)), ...splitter.end()];
}

const parted = (text: string, sizes: readonly number[]): string[] => {
  const parts: string[] = [];
  let at = 0;
  for (const size of sizes) {
    parts.push(text.slice(at, at + size));
    at += size;
  }
  return [...parts, text.slice(at)];
};

describe('a text that comes in parts', () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 10 });

  it('has chunks that are slices of the whole, and that leave out nothing but white space', () => {
    fc.assert(
      fc.property(texts, sizes, fc.boolean(), (text, cuts, structured) => {
        const chunks = split(parted(text, cuts), structured);
        const covered = new Set<number>();
        chunks.forEach((chunk, at) => {
          expect(text.slice(chunk.start, chunk.end)).toBe(chunk.text);
          expect(chunk.ordinal).toBe(at);
          for (let place = chunk.start; place < chunk.end; place++) covered.add(place);
        });
        const offsets = Array.from({ length: text.length }, (_, at) => at);
        const missed = offsets.filter((at) => !covered.has(at) && text.charAt(at).trim() !== '');
        expect(missed).toEqual([]);
      }),
    );
  });

  it('of short paragraphs is cut as it would be at once', () => {
    const text = Array.from({ length: 200 }, (_, at) => `Paragraph ${at} says something.`).join('\n\n');
    const once = chunkText(text, settings).map(({ start, end }) => [start, end]);
    expect(split(parted(text, [10, 700, 3, 900])).map(({ start, end }) => [start, end])).toEqual(once);
  });

  it('keeps the pages that each chunk stands on', () => {
    const splitter = new Splitter({ size: 30, overlap: 0 });
    const chunks = ['First page, all of it.\n\n', 'Second page.\n\n', 'Third.'].flatMap((text, at) =>
      splitter.push(text, at + 1),
    );
    const all = [...chunks, ...splitter.end()].map(({ text, pages }) => [text, pages]);
    expect(all).toEqual([
      ['First page, all of it.', { first: 1, last: 1, breaks: [] }],
      ['Second page.\n\nThird.', { first: 2, last: 3, breaks: [38] }],
    ]);
  });
});

describe('a structured text', () => {
  const text = `# Kettles\n\n${'They are green. '.repeat(4)}\n\n## Care\n\n${'Rinse them well. '.repeat(4)}\n\n\`\`\`\n# no heading\n\`\`\`\n`;
  const cut = (size: number) => chunkText(text, { size, overlap: 0 }, { structured: true });

  it('begins a chunk at a heading, and keeps the headings above with each', () => {
    const [first, second] = cut(120);
    expect(first?.text.startsWith('# Kettles')).toBe(true);
    expect(second?.text.startsWith('## Care')).toBe(true);
    expect(second?.context).toBe('Kettles');
    expect(cut(120).at(-1)?.context).not.toContain('no heading');
  });

  it('cuts tables between rows, and names their columns again', () => {
    const rows = Array.from({ length: 20 }, (_, at) => `row ${at} | value ${at}`).join('\n');
    const chunks = chunkText(`name | size\n${rows}`, { size: 100, overlap: 0 }, { structured: true });
    expect(chunks.length).toBeGreaterThan(2);
    for (const chunk of chunks.slice(1)) {
      expect(chunk.text).toMatch(/^row \d+ \| value \d+(?:\nrow \d+ \| value \d+)*$/u);
      expect(chunk.context).toBe('name | size');
    }
  });
});

describe('a size in tokens', () => {
  /** Each word with the space before it is a token. */
  const tokenEnds = (text: string): number[] =>
    [...text.matchAll(/\s*\S+/gu)].map((match) => match.index + match[0].length);

  it('counts tokens, and so does the overlap', () => {
    const text = Array.from({ length: 25 }, (_, at) => `word${at}`).join(' ');
    const chunks = chunkText(text, { size: 10, overlap: 2, unit: 'tokens' }, { tokenEnds });
    expect(chunks.map((chunk) => tokenEnds(chunk.text).length)).toEqual([10, 10, 9]);
    expect(chunks[1]?.text.startsWith('word8 word9')).toBe(true);
  });
});
