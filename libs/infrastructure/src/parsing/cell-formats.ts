const DAY_MS = 86_400_000;
const DAY_SECONDS = 86_400;
/** Day 0 of a workbook's calendar, as spreadsheets count since 1900. */
const EPOCH_MS = Date.UTC(1899, 11, 30);

/** What a cell's number is shown as, where it is not a plain number. */
export type CellFormat = 'date' | 'time' | 'duration';

const builtIn = new Map<number, CellFormat>([
  ...[14, 15, 16, 17, 22].map((id) => [id, 'date'] as const),
  ...[18, 19, 20, 21, 45, 47].map((id) => [id, 'time'] as const),
  [46, 'duration'],
]);

/** The format that every workbook has by this number. */
export function builtInFormat(id: number): CellFormat | undefined {
  return builtIn.get(id);
}

/** What a number format says outside of its quoted texts; for positive numbers, where it tells them apart. */
export function cellFormatOf(code: string): CellFormat | undefined {
  const bare = code.replace(/"[^"]*"|\\.|[_*]./gu, '').split(';', 1)[0] ?? '';
  if (/\[(?:h+|m+|s+)\]/iu.test(bare)) return 'duration';
  const parts = bare.replace(/\[[^\]]*\]/gu, '');
  if (/[yd]/iu.test(parts)) return 'date';
  if (/h/iu.test(parts) || /m.*s/iu.test(parts)) return 'time';
  return /m/iu.test(parts) ? 'date' : undefined;
}

/** A number of days as a cell of this format shows it. */
export function shownDays(days: number, format: CellFormat): string {
  const seconds = Math.round(days * DAY_SECONDS);
  if (!Number.isSafeInteger(seconds)) return String(days);
  if (format === 'duration') return seconds < 0 ? `-${clock(-seconds)}` : clock(seconds);
  const isTime = format === 'time' || (days > 0 && days < 1);
  if (isTime && seconds >= 0) return clock(seconds % DAY_SECONDS);
  return dateText(days);
}

/** Hours and minutes, and seconds where there are any. */
function clock(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes, rest] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${two(hours)}:${two(minutes)}${rest === 0 ? '' : `:${two(rest)}`}`;
}

function dateText(days: number): string {
  const instant = new Date(EPOCH_MS + Math.round(days * DAY_MS));
  if (Number.isNaN(instant.getTime())) return String(days);
  const text = instant.toISOString();
  return Number.isInteger(days) ? text.slice(0, 10) : text.slice(0, 16).replace('T', ' ');
}
