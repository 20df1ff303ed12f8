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
