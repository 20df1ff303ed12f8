import fc from 'fast-check';
import { isRefusal } from '../errors.js';
import { areTooMany, chunkSettings, chunkText, type ChunkSettings } from './chunker.js';

const pieces = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.lorem({ maxCount: 30 }),
  fc.constantFrom('\n\n', '\r\n\r\n', '\n', '\r\n', '\r', ' ', '. ', '👩‍👩‍👧‍👦', 'é', '日本語。', '\ud83d'),
);
const texts = fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join(''));
const settings: fc.Arbitrary<ChunkSettings> = fc
  .integer({ min: 1, max: 200 })
  .chain((size) => fc.integer({ min: 0, max: size - 1 }).map((overlap) => ({ size, overlap })));

describe('chunks', () => {
  it('are slices of the original text, in order, trimmed and numbered', () => {
    fc.assert(
      fc.property(texts, settings, (text, given) => {
        const chunks = chunkText(text, given);
        chunks.forEach((chunk, at) => {
          expect(text.slice(chunk.start, chunk.end)).toBe(chunk.text);
          expect(chunk.text).toBe(chunk.text.trim());
          expect(chunk.text).not.toBe('');
          expect(chunk.ordinal).toBe(at);
          expect(chunk.start).toBeGreaterThan(chunks[at - 1]?.start ?? -1);
        });
      }),
    );
  });

  it('leave out nothing but white space', () => {
    fc.assert(
      fc.property(texts, settings, (text, given) => {
        const covered = new Set<number>();
        for (const { start, end } of chunkText(text, given)) for (let at = start; at < end; at++) covered.add(at);
        for (let at = 0; at < text.length; at++)
          if (!covered.has(at) && text.charAt(at).trim() !== '') throw new Error(`offset ${at} is in no chunk`);
      }),
    );
  });

  it('never part a surrogate pair', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), settings, (text, given) => {
        for (const chunk of chunkText(text, given)) expect(chunk.text.isWellFormed()).toBe(true);
      }),
    );
  });

  it('keep within the size in plain text', () => {
    fc.assert(
      fc.property(fc.lorem({ maxCount: 200 }), settings, (text, given) => {
        for (const chunk of chunkText(text, given)) expect(chunk.text.length).toBeLessThanOrEqual(given.size);
      }),
    );
  });

  it('number three for 2,600 letters at 1200/150 and four at 800/100', () => {
    expect(chunkText('x'.repeat(2600))).toHaveLength(3);
    expect(chunkText('x'.repeat(2600), { size: 800, overlap: 100 })).toHaveLength(4);
  });

  it('join small paragraphs up to the size', () => {
    const text = 'one\r\n\r\ntwo\n \nthree';
    expect(chunkText(text).map((chunk) => chunk.text)).toEqual([text]);
    expect(chunkText(text, { size: 10, overlap: 0 }).map((chunk) => chunk.text)).toEqual(['one\r\n\r\ntwo', 'three']);
  });

  it('share no character without an overlap, and end at sentences where they can', () => {
    const text = 'Alpha beta gamma. Delta epsilon zeta. Eta theta iota kappa. Lambda mu.';
    const chunks = chunkText(text, { size: 40, overlap: 0 });
    expect(chunks.map((chunk) => chunk.text)).toEqual([
      'Alpha beta gamma. Delta epsilon zeta.',
      'Eta theta iota kappa. Lambda mu.',
    ]);
  });

  it('are none of an empty text', () => {
    expect(chunkText(' \n\n\t')).toEqual([]);
  });

  it('are refused when there would be too many, also where the estimate does not see it', () => {
    expect(() => chunkText('x'.repeat(60_000), { size: 1, overlap: 0 })).toThrow('too many chunks');
    expect(areTooMany(60_000, { size: 1, overlap: 0 })).toBe(true);
    expect(areTooMany(32_000_000, chunkSettings() as ChunkSettings)).toBe(false);
  });

  it('take a size alone and give it a fitting overlap, and take 0 as none', () => {
    expect(chunkSettings()).toEqual({ size: 1200, overlap: 150 });
    expect(chunkSettings(100)).toEqual({ size: 100, overlap: 12 });
    expect(chunkSettings(1)).toEqual({ size: 1, overlap: 0 });
    expect(chunkSettings(null, 0)).toEqual({ size: 1200, overlap: 0 });
  });

  it.each([
    [0, 0],
    [10, 10],
    [10, -1],
    [1.5, 0],
    [Number.NaN, 0],
    [undefined, 1200],
  ])('are refused at once with size %s and overlap %s', (size, overlap) => {
    const answer = chunkSettings(size, overlap);
    expect(isRefusal(answer) && answer.refused.code).toBe('CHUNK_SETTINGS_INVALID');
  });
});
