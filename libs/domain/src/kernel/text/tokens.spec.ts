import { estimatedTokens } from './tokens.js';

describe('the estimated tokens of a text', () => {
  it.each([
    ['', 0],
    ['a', 1],
    ['abcd', 1],
    ['abcdefg', 1],
    ['abcdefgh', 2],
    ['日本語日本語日本', 2],
    ['😀😀😀😀😀😀😀😀', 2],
  ])('%j has %i', (text, tokens) => {
    expect(estimatedTokens([text])).toBe(tokens);
  });

  it('are counted over all texts together, and none are in none', () => {
    expect(estimatedTokens(['abc', '', 'defgh'])).toBe(2);
    expect(estimatedTokens([])).toBe(0);
    expect(estimatedTokens(['', ''])).toBe(0);
  });
});
