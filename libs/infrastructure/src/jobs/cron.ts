const bounds = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const;

/** A five-field cron line, read once. Fields: `*`, numbers, ranges, lists and steps; no names. UTC. */
export interface Cron {
  matches(minute: Date): boolean;
}

/** Reads a cron line; throws RangeError with the field that is wrong. */
export function parseCron(line: string): Cron {
  const parts = line.trim().split(/\s+/);
  if (parts.length !== 5) throw new RangeError(`cron "${line}" must have five fields`);
  const [minutes, hours, days, months, weekdays] = parts.map((part, index) => parseField(part, index, line));
  const restricted = { day: parts[2] !== '*', weekday: parts[4] !== '*' };
  const dayMatches = (at: Date): boolean => {
    const byDay = days?.has(at.getUTCDate()) === true;
    const weekday = at.getUTCDay();
    const byWeekday = weekdays?.has(weekday) === true || (weekday === 0 && weekdays?.has(7) === true);
    // As in cron(5): when both are restricted, either is enough.
    return restricted.day && restricted.weekday ? byDay || byWeekday : byDay && byWeekday;
  };
  return {
    matches: (at) =>
      minutes?.has(at.getUTCMinutes()) === true &&
      hours?.has(at.getUTCHours()) === true &&
      months?.has(at.getUTCMonth() + 1) === true &&
      dayMatches(at),
  };
}

function parseField(text: string, index: number, line: string): ReadonlySet<number> {
  const [low, high] = bounds[index] ?? [0, 0];
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const { from, to, step } = parsePart(part, low, high);
    if (!(from >= low && to <= high && from <= to && step >= 1)) {
      throw new RangeError(`cron "${line}": "${part}" is not a value of ${low} to ${high}`);
    }
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return values;
}

/** One of `*`, `n`, `n-m`, each with an optional step; NaN where it is none of them. */
function parsePart(part: string, low: number, high: number): { from: number; to: number; step: number } {
  const match = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part);
  if (match === null) return { from: Number.NaN, to: Number.NaN, step: Number.NaN };
  const [, first, last, every] = match;
  const step = Number(every ?? 1);
  if (first === undefined) return { from: low, to: high, step };
  // `5/10` means from 5 to the end.
  const end = every === undefined ? first : high;
  return { from: Number(first), to: Number(last ?? end), step };
}

/** The minutes that end at `now`, oldest first, in which a line fires; `back` is how many minutes to look at. */
export function dueMinutes(cron: Cron, now: Date, back: number): readonly string[] {
  const last = Math.floor(now.getTime() / 60_000);
  const minutes: string[] = [];
  for (let minute = last - back + 1; minute <= last; minute += 1) {
    const at = new Date(minute * 60_000);
    if (cron.matches(at)) minutes.push(at.toISOString());
  }
  return minutes;
}
