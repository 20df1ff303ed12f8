const PLACES = 12;
const UNIT = 10n ** BigInt(PLACES);
const pattern = /^(-?)(\d{1,18})(?:\.(\d{1,12}))?$/;

/** Reads a decimal string of at most 12 places into integer units of 10^-12; undefined when it is no such string. */
export function parseMoney(text: string): bigint | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '0', fraction = ''] = match;
  const units = BigInt(whole) * UNIT + BigInt(fraction.padEnd(PLACES, '0'));
  return sign === '-' ? -units : units;
}

/** Writes units of 10^-12 as a decimal string with exactly 12 places. */
export function formatMoney(units: bigint): string {
  const absolute = units < 0n ? -units : units;
  const text = `${absolute / UNIT}.${(absolute % UNIT).toString().padStart(PLACES, '0')}`;
  return units < 0n ? `-${text}` : text;
}
