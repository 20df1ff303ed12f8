import fc from 'fast-check';
import { isRefusal } from '../errors.js';
import { filterErrors } from './filter-limits.js';
import { filterJson, parseFilter } from './metadata-filter.js';

const title = { of: 'metadata', path: ['title'] } as const;

/** The row of the refusal, or what was read. */
const verdict = (input: unknown): unknown => {
  const read = parseFilter(input);
  return isRefusal(read) ? read.refused : read;
};

const nested = (depth: number): unknown => (depth <= 1 ? { eq: ['metadata.a', 1] } : { not: nested(depth - 1) });

describe('a metadata filter', () => {
  it('is read in both forms of a comparison', () => {
    const read = { op: 'eq', field: title, value: 'x' };
    expect(parseFilter({ eq: ['metadata.title', 'x'] })).toEqual(read);
    expect(parseFilter({ eq: { field: 'metadata.title', value: 'x' } })).toEqual(read);
  });

  it('is none when it is empty', () => {
    expect(parseFilter({})).toBeUndefined();
  });

  it('is read with all of its operators', () => {
    const filter = {
      and: [
        { or: [{ gt: ['metadata.year', 2020] }, { lte: ['metadata.a.b', 'm'] }] },
        { not: { in: ['labels.team.x', ['a', 'b']] } },
        { nin: ['filename', ['a.txt']] },
        { exists: 'metadata.title' },
        { gte: ['created_at', '2026-01-31'] },
      ],
    };
    expect(parseFilter(filter)).toEqual({
      op: 'and',
      of: [
        {
          op: 'or',
          of: [
            { op: 'gt', field: { of: 'metadata', path: ['year'] }, value: 2020 },
            { op: 'lte', field: { of: 'metadata', path: ['a', 'b'] }, value: 'm' },
          ],
        },
        { op: 'not', of: { op: 'in', field: { of: 'labels', key: 'team.x' }, values: ['a', 'b'] } },
        { op: 'nin', field: { of: 'document', name: 'filename' }, values: ['a.txt'] },
        { op: 'exists', field: title },
        { op: 'gte', field: { of: 'document', name: 'created_at' }, value: '2026-01-31T00:00:00.000Z' },
      ],
    });
    const read = parseFilter(filter);
    if (read === undefined || isRefusal(read)) throw new Error('the filter was refused');
    expect(parseFilter(filterJson(read))).toEqual(read);
  });

  it.each([
    [null],
    ['metadata.a'],
    [[]],
    [{ and: [] }],
    [{ and: [{}] }],
    [{ eq: ['metadata.a', 1], ne: ['metadata.a', 2] }],
    [{ like: ['metadata.a', 'x'] }],
    [{ toString: ['metadata.a', 'x'] }],
    [{ eq: ['metadata.a'] }],
    [{ eq: ['metadata.a', 1, 2] }],
    [{ eq: { field: 'metadata.a', value: 1, more: 1 } }],
    [{ eq: ['metadata.a', null] }],
    [{ eq: ['metadata.a', [1]] }],
    [{ eq: ['metadata.a', 'a\u0000'] }],
    [{ eq: ['metadata.a', '\ud800'] }],
    [{ eq: ['metadata.', 1] }],
    [{ eq: ['metadata.a..b', 1] }],
    [{ eq: ['metadata.a.b.c.d.e.f.g.h.i', 1] }],
    [{ eq: ['tenant_id', 't1'] }],
    [{ eq: ['labels.team', 1] }],
    [{ gt: ['metadata.a', true] }],
    [{ gt: ['created_at', 'yesterday'] }],
    [{ gt: ['created_at', '2026-02-31'] }],
    [{ gt: ['created_at', '9999-12-31T23:59:59-14:00'] }],
    [{ in: ['updated_at', ['2026-01-31', '9999-12-31T23:59:59.999-00:01']] }],
    [{ gt: ['created_at', 7] }],
    [{ in: ['metadata.a', []] }],
    [{ in: ['metadata.a', 'a'] }],
    [{ exists: 7 }],
    [{ exists: { field: 'metadata.a', value: true } }],
  ])('is refused when it is %j', (input) => {
    expect(verdict(input)).toBe(filterErrors.invalid);
  });

  it('is refused beyond its limits', () => {
    expect(verdict(nested(8))).toMatchObject({ op: 'not' });
    expect(verdict(nested(9))).toBe(filterErrors.tooComplex);
    const many = (count: number) => ({ or: Array.from({ length: count }, () => ({ eq: ['metadata.a', 1] })) });
    expect(verdict(many(63))).toMatchObject({ op: 'or' });
    expect(verdict(many(64))).toBe(filterErrors.tooComplex);
    expect(verdict({ in: ['metadata.a', Array.from({ length: 201 }, () => 1)] })).toBe(filterErrors.tooComplex);
    expect(verdict({ eq: ['metadata.a', 'x'.repeat(20_000)] })).toBe(filterErrors.tooComplex);
  });

  it('says where it is wrong without repeating what was sent', () => {
    const read = parseFilter({
      and: [{ exists: 'metadata.a' }, { not: { hunter2: ['metadata.hunter2', 'hunter2'] } }],
    });
    expect(read).toEqual({
      refused: filterErrors.invalid,
      details: { at: '$.and[1].not', reason: 'holds an unknown operator' },
    });
  });

  it('never throws, whatever is sent', () => {
    const words = fc.constantFrom(
      'and',
      'or',
      'not',
      'eq',
      'in',
      'exists',
      'field',
      'value',
      'metadata.a',
      '__proto__',
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 6 },
        fc.jsonValue(),
        words,
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(words, tie('tree'), { maxKeys: 2 }),
      ),
    }));
    fc.assert(fc.property(tree, (input) => void parseFilter(input)));
  });
});
