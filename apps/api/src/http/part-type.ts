import type { IncomingMessage } from 'node:http';

/** The most that stands between a boundary and the end of the headers after it. */
const LONGEST_HEAD = 20_000;

/**
 * The content type of a form's file as its part declares it. The form's parser keeps no parameters, and the charset is
 * one; so the headers are looked at as they pass.
 */
export function declaredTypeOf(raw: IncomingMessage, contentType: string): () => string | undefined {
  const boundary = /boundary="?([^";]{1,200})"?/iu.exec(contentType)?.[1];
  let found: string | undefined;
  if (boundary === undefined) return () => undefined;
  const mark = `--${boundary}\r\n`;
  let tail = '';
  const look = (bytes: Buffer): void => {
    tail += bytes.toString('latin1');
    for (let at = tail.indexOf(mark); at >= 0; at = tail.indexOf(mark, at + 1)) {
      const end = tail.indexOf('\r\n\r\n', at);
      if (end < 0) break;
      const head = tail.slice(at, end);
      if (!/^content-disposition:.*filename\*?=/imu.test(head)) continue;
      found = /^content-type:[^\S\r\n]*([^\r\n]{1,300})/imu.exec(head)?.[1]?.trim();
      raw.off('data', look);
      return;
    }
    tail = tail.slice(-LONGEST_HEAD);
  };
  raw.on('data', look);
  return () => found;
}
