import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { canonicalJson, NotCanonical } from './canonical-json.js';

describe('canonical JSON', () => {
  it('gives the same bytes back after parsing, for every JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
  });

  it('is what RFC 8785 says, for values in order and out of it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(canonicalJson(value)).toBe(canonicalize(value));
        const ordered: unknown = JSON.parse(canonicalJson(value));
        expect(canonicalJson(ordered)).toBe(canonicalize(value));
      }),
    );
    expect(canonicalJson({ 9: 1, 10: 2, '\u20ac': '\u2028', A: -0, a: 1e21 })).toBe(
      '{"10":2,"9":1,"A":0,"a":1e+21,"\u20ac":"\u2028"}',
    );
  });

  it('does not hang on the order in which keys were added', () => {
    expect(canonicalJson({ b: 1, a: { d: [1, -0], c: 'é' } })).toBe('{"a":{"c":"é","d":[1,0]},"b":1}');
  });

  it.each([
    ['NaN', { a: [1, Number.NaN] }, 'a: [1]: a number that is not finite'],
    ['undefined', { a: undefined }, 'a: undefined'],
    ['a hole', { a: new Array(1) }, 'a: [0]: undefined'],
    ['a bigint', { a: 1n }, 'a: bigint'],
    ['a lone surrogate', { a: { b: 'x\udc00' } }, 'a: b: a lone surrogate'],
    ['a lone surrogate in a key', { '\ud800': 1 }, 'a key with a lone surrogate'],
    ['a date', { at: new Date(0) }, 'at: an object that is not plain'],
    ['toJSON', { toJSON: () => 1 }, 'an object with toJSON'],
  ])('refuses %s and says where', (_, value, message) => {
    expect(() => canonicalJson(value)).toThrow(new NotCanonical(`not canonical JSON: ${message}`));
  });

  it('refuses a value that holds itself', () => {
    const value: Record<string, unknown> = {};
    value['self'] = value;
    expect(() => canonicalJson(value)).toThrow('nested too deeply');
  });
});
