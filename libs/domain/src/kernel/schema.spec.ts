import { checkShape, holdsOddText, t } from './schema.js';

const shape = {
  name: t.string,
  note: t.optional(t.personal('name')),
  tags: t.array(t.string),
  labels: t.jsonObject,
  rule: t.json,
};
const fits = { name: 'a', tags: ['b'], labels: { c: ['d', { e: null }] }, rule: 'f' };

describe('the data of an event', () => {
  it('may hold any text that a database holds', () => {
    const odd = 'é\u20ac\ud83d\ude00\u0001\u2028\\u0000';
    const data = { name: odd, note: odd, tags: [odd], labels: { [odd]: odd }, rule: [odd] };
    expect(checkShape(shape, data)).toBeUndefined();
    expect(holdsOddText(data)).toBe(false);
  });

  it.each([
    ['U+0000', 'a\0b'],
    ['half a surrogate pair', 'a\ud800b'],
    ['the other half of one', '\udc00'],
  ])('holds %s nowhere', (_, odd) => {
    for (const [part, says] of [
      [{ name: odd }, 'data.name must be a string that can be stored'],
      [{ note: odd }, 'data.note must be a string that can be stored'],
      [{ tags: ['b', odd] }, 'data.tags[1] must be a string that can be stored'],
      [{ labels: { c: odd } }, 'data.labels must be a JSON object'],
      [{ labels: { c: [{ [odd]: 1 }] } }, 'data.labels must be a JSON object'],
      [{ rule: odd }, 'data.rule must be a JSON value'],
    ] as const) {
      const data = { ...fits, ...part };
      expect([checkShape(shape, data), holdsOddText(data)]).toEqual([says, true]);
    }
  });
});
