import { Recent } from './recent.js';

describe('what is remembered of late', () => {
  it('is at least the last keys, at most twice as many', () => {
    const recent = new Recent<number, string>(10);
    for (let key = 0; key < 1_000; key += 1) recent.set(key, `v${key}`);
    const known = Array.from({ length: 1_000 }, (_, key) => recent.get(key)).filter((value) => value !== undefined);
    for (let key = 990; key < 1_000; key += 1) expect(known).toContain(`v${key}`);
    expect(known.length).toBeLessThanOrEqual(20);
  });

  it('is what is asked for again and again, whatever else comes by', () => {
    const recent = new Recent<string, number>(10);
    recent.set('often', 1);
    for (let key = 0; key < 1_000; key += 1) {
      recent.set(`once ${key}`, key);
      if (key % 7 === 0) expect(recent.get('often')).toBe(1);
    }
  });

  it('is the newest value of a key', () => {
    const recent = new Recent<string, number>(2);
    for (const key of ['a', 'b', 'c', 'a']) recent.set(key, key === 'a' ? 1 : 2);
    recent.set('a', 3);
    expect(recent.get('a')).toBe(3);
    expect(new Recent<string, number>(1).get('a')).toBeUndefined();
  });
});
