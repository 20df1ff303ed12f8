const seconds = /^\d{1,9}(?:\.\d{1,9})?$/;
/** The three forms of RFC 9110: the second and the last are of older servers. */
const httpDate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d{2}:\d{2}:\d{2}/;

/** Ms that a `Retry-After` asks for, in seconds or as an HTTP date; undefined when there is none that can be read. */
export function retryAfterMs(header: string | null | undefined, now: number = Date.now()): number | undefined {
  const text = header?.trim() ?? '';
  if (seconds.test(text)) return Math.ceil(Number(text) * 1_000);
  if (!httpDate.test(text)) return undefined;
  // The oldest form names no zone, and means GMT too.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/** Google's clients hide the header; the body of their error may tell the same: `"retryDelay": "1.5s"`. */
export function retryDelayMs(text: string): number | undefined {
  const told = /"retryDelay"\s*:\s*"(\d+(?:\.\d+)?)s"/.exec(text)?.[1];
  return told === undefined ? undefined : Math.ceil(Number(told) * 1_000);
}
