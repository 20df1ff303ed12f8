import fc from 'fast-check';
import { sentences } from './sentences.js';
import { stem } from './stemmer.js';
import { termCounts, terms, tokenize } from './tokenizer.js';

describe('words', () => {
  it('are found in every script', () => {
    expect(tokenize('Größe, Ελλάδα и Ёлка: ＡＢＣ１２ naïve')).toEqual(
      ['größe', 'ελλαδα', 'и', 'елка', 'abc12', 'naive'].map((word) => word.replace('ö', 'o')),
    );
  });

  it('are pairs of characters where a script writes no spaces', () => {
    expect(tokenize('東京都 go東京 字')).toEqual(['東京', '京都', 'go', '東京', '字']);
  });

  it.each([
    ['soft hyphens', 'infor\u00admation', 'information'],
    ['spaces and joiners without width', '\ufefftele\u200bphone\u2060s', 'telephones'],
    ['Arabic vowel marks and stretching', 'كِتَابٌ كتـــاب', 'كتاب كتاب'],
    ['Hebrew points', 'שָׁלוֹם', 'שלום'],
  ])('are found whatever they are written with: %s', (_, written, plain) => {
    expect(tokenize(written)).toEqual(tokenize(plain));
    expect(tokenize(plain)).toEqual(plain.split(' '));
  });

  it('stay apart where a mark makes another letter', () => {
    expect(tokenize('أمل')).not.toEqual(tokenize('امل'));
  });

  it('lose a possessive and an apostrophe', () => {
    expect(tokenize("Newton's don’t")).toEqual(['newton', 'dont']);
  });

  it('are the same in plain ASCII as beside a letter of another script', () => {
    const characters = fc.constantFrom(...`abzXYZ09 '.-_\n\t{`);
    fc.assert(
      fc.property(fc.array(characters, { maxLength: 40 }), (parts) => {
        const text = parts.join('');
        expect(tokenize(`${text} é`)).toEqual([...tokenize(text), 'e']);
        expect(tokenize(`${text} 界`)).toEqual([...tokenize(text), '界']);
      }),
    );
  });

  it('are index terms without stop words, unless there is nothing else', () => {
    expect(terms('What are the release gates?')).toEqual(['releas', 'gate']);
    expect(terms('to be or not to be')).toHaveLength(6);
    const counts = [...termCounts('gates release gate, 2026')];
    expect(counts).toEqual([
      ['gate', 2],
      ['releas', 1],
      ['2026', 1],
    ]);
    expect([...termCounts('gates release gate, 2026')]).toEqual(counts);
    expect([...termCounts('')]).toEqual([]);
  });

  it('are the same for every way to write a text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(tokenize(text.normalize('NFD'))).toEqual(tokenize(text.normalize('NFC')));
      }),
    );
  });
});

describe('stems', () => {
  it.each([
    ['caresses', 'caress'],
    ['ponies', 'poni'],
    ['agreed', 'agre'],
    ['plastered', 'plaster'],
    ['motoring', 'motor'],
    ['hopping', 'hop'],
    ['filing', 'file'],
    ['happy', 'happi'],
    ['relational', 'relat'],
    ['conditional', 'condit'],
    ['vietnamization', 'vietnam'],
    ['electriciti', 'electr'],
    ['adoption', 'adopt'],
    ['replacement', 'replac'],
    ['controlling', 'control'],
    ['rate', 'rate'],
    ['sky', 'sky'],
    ['größe', 'größe'],
  ])('bring %s to %s', (word, expected) => {
    expect(stem(word)).toBe(expected);
  });
});

describe('sentences', () => {
  const cut = (text: string): string[] => sentences(text).map(({ start, end }) => text.slice(start, end));

  it('end at their marks and not at abbreviations', () => {
    expect(cut('Dr. Ames met J. Smith, e.g. twice. Was it 3.5? Yes!')).toEqual([
      'Dr. Ames met J. Smith, e.g. twice.',
      'Was it 3.5?',
      'Yes!',
    ]);
  });

  it('end at blank lines, before list items, and at full-width marks', () => {
    expect(cut('Title\n\n- one\n- two\n\n晴れ。雨。')).toEqual(['Title', '- one', '- two', '晴れ。', '雨。']);
  });

  it('cover everything but white space, in order', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const joined = cut(text).join('').replaceAll(/\s/gu, '');
        expect(joined).toBe(text.replaceAll(/\s/gu, ''));
      }),
    );
  });
});
