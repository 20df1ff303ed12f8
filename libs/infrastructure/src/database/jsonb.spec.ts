import { storable } from './jsonb.js';

describe('JSON for the database', () => {
  it('has a replacement character where jsonb could not hold what stands there, in names and in values', () => {
    const said = { 'a\u0000': ['x\u0000', { '\ud800': 'half \udc00' }], plain: [1, null, true], __proto__: 'p' };
    expect(JSON.parse(storable(said))).toEqual({
      'a\ufffd': ['x\ufffd', { '\ufffd': 'half \ufffd' }],
      plain: [1, null, true],
    });
    expect(storable(JSON.parse('{"__proto__":{"a":1}}'))).toBe('{"__proto__":{"a":1}}');
  });
});
