/** First and last byte, both included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The one range of bytes that a `Range` header asks for (RFC 9110): undefined for the whole, because there is no header, it is
 * of another unit, not well-formed, or asks for several; 'none' when nothing of it is there.
 */
export function rangeOf(header: string | undefined, size: number): ByteRange | 'none' | undefined {
  const [, from, to] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? [];
  if (from === undefined || to === undefined || from + to === '') return undefined;
  if (from === '') return within(Math.max(0, size - Number(to)), size - 1, size);
  const last = to === '' ? Infinity : Number(to);
  return last < Number(from) ? undefined : within(Number(from), last, size);
}

function within(first: number, last: number, size: number): ByteRange | 'none' {
  return first >= size ? 'none' : { first, last: Math.min(last, size - 1) };
}
