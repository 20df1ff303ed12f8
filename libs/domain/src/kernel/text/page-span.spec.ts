import { pagesOf, pagesWithin } from './page-span.js';

describe('the pages of a piece of a text', () => {
  const marks = [
    { at: 0, page: 1 },
    { at: 10, page: 2 },
    { at: 20, page: 4 },
    { at: 30, page: 5 },
  ];

  it('are those from its first to its last character', () => {
    expect(pagesOf(marks, 3, 9)).toEqual({ first: 1, last: 1, breaks: [] });
    expect(pagesOf(marks, 10, 20)).toEqual({ first: 2, last: 2, breaks: [] });
    expect(pagesOf(marks, 9, 11)).toEqual({ first: 1, last: 2, breaks: [10] });
    expect(pagesOf([], 0, 5)).toBeUndefined();
  });

  it('tell for every part on which of them it stands, also behind a page without text', () => {
    const span = pagesOf(marks, 5, 35);
    expect(span).toEqual({ first: 1, last: 5, breaks: [10, 20, 20, 30] });
    if (span === undefined) throw new Error('no pages');
    expect(pagesWithin(span, 5, 10)).toEqual({ first: 1, last: 1 });
    expect(pagesWithin(span, 10, 12)).toEqual({ first: 2, last: 2 });
    expect(pagesWithin(span, 19, 21)).toEqual({ first: 2, last: 4 });
    expect(pagesWithin(span, 31, 35)).toEqual({ first: 5, last: 5 });
    expect(pagesWithin(span, 5, 35)).toEqual({ first: 1, last: 5 });
  });
});
