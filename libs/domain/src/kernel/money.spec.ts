import { formatMoney, parseMoney } from './money.js';

describe('money', () => {
  it('keeps twelve places through a round trip', () => {
    expect(formatMoney(parseMoney('-12.000000000001') ?? 0n)).toBe('-12.000000000001');
  });

  it('refuses more places than it can keep', () => {
    expect(parseMoney('0.0000000000001')).toBeUndefined();
  });
});
