/** Instants are ISO 8601 strings in UTC with milliseconds and `Z`; as text they sort by time. */
export type Instant = string;

export function toInstant(date: Date): Instant {
  return date.toISOString();
}

/** Milliseconds from `from` to `to`; negative when `to` is earlier. */
export function millisBetween(from: Instant, to: Instant): number {
  return Date.parse(to) - Date.parse(from);
}

export function addMillis(instant: Instant, millis: number): Instant {
  return new Date(Date.parse(instant) + millis).toISOString();
}

const firstMs = Date.parse('0000-01-01T00:00:00.000Z');
const lastMs = Date.parse('9999-12-31T23:59:59.999Z');

/** The instant of a text with an offset; undefined for none, and outside the years 0 to 9999 in UTC, which a database reads. */
export function instantIn(text: string): Instant | undefined {
  const ms = Date.parse(text);
  return ms >= firstMs && ms <= lastMs ? new Date(ms).toISOString() : undefined;
}
