import fc from 'fast-check';
import { CitationFilter } from './citation-filter.js';

function filtered(deltas: readonly string[], passages = 3): { told: string[]; filter: CitationFilter } {
  const filter = new CitationFilter(passages);
  const told = deltas.map((delta) => filter.push(delta));
  return { told: [...told, filter.end()], filter };
}

describe('citations of a model', () => {
  it('are numbered in the order in which they appear, each passage once', () => {
    const { told, filter } = filtered(['A [3]. B [1][3]. C [3, 2].']);
    expect(told.join('')).toBe('A [1]. B [2][1]. C [1][3].');
    expect(filter.cited).toEqual([2, 0, 1]);
  });

  it('are left out and counted where they stand for no passage', () => {
    const { told, filter } = filtered(['A [4]. B [1, 9]. C [77].']);
    expect(told.join('')).toBe('A. B [1]. C.');
    expect([filter.cited, filter.dropped]).toEqual([[0], 3]);
  });

  it('wait for their rest when they are cut between two deltas, and nothing else waits', () => {
    const { told } = filtered(['The kettle', ' [', '2', ']', ' is [', 'green] today ']);
    expect(told).toEqual(['The kettle', '', '', ' [1]', ' is', ' [green] today', ' ']);
  });

  it('are told from years, indexes and links', () => {
    const text = 'In [2024] a[0] was [text](url) and [ ] and [-1].';
    expect(filtered([text]).told.join('')).toBe(text);
  });

  it('are never made of the neighbours of one that was left out', () => {
    expect(filtered(['[[9]1] and [1,', '[8]2]'], 2).told.join('')).toBe('[()1] and [1,()2]');
  });

  it('are the same however the text is cut, and never name a passage that is not there', () => {
    const piece = fc.constantFrom('[', ']', '1', '2', '12', '999', ',', ' ', 'word', '[1]', '[2][9]', '\n', '[ 3]');
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 40 }),
        fc.array(fc.nat({ max: 60 }), { maxLength: 12 }),
        fc.nat({ max: 4 }),
        (pieces, cuts, passages) => {
          const text = pieces.join('');
          const ends = [...new Set([...cuts.filter((at) => at < text.length), text.length])].sort((a, b) => a - b);
          const parts = ends.map((end, at) => text.slice(ends[at - 1] ?? 0, end));
          const whole = filtered([text], passages);
          const cut = filtered(parts, passages);
          expect(cut.told.join('')).toBe(whole.told.join(''));
          expect(cut.filter.cited).toEqual(whole.filter.cited);
          for (const [, marker] of whole.told.join('').matchAll(/\[([1-9]\d{0,2})\]/gu))
            expect(Number(marker)).toBeLessThanOrEqual(whole.filter.cited.length);
        },
      ),
    );
  });
});
