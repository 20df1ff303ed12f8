import type { Emit } from '#infra/parsing/part-writer.js';
import { defaultParseLimits, type ParseLimits } from '#infra/parsing/parse-task.js';
import { Source } from '#infra/parsing/source.js';

export const sourceOf = (bytes: Buffer | string): Source => new Source({ kind: 'bytes', bytes: Buffer.from(bytes) });

/** What a parser of text reads of these bytes, in this thread. */
export async function textRead(
  parse: (source: Source, charset: string | undefined, emit: Emit) => Promise<void>,
  bytes: Buffer | string,
  charset?: string,
): Promise<string> {
  const texts: string[] = [];
  await parse(sourceOf(bytes), charset, async (text) => void texts.push(text));
  return texts.join('');
}

/** The same for a parser of files that are no text. */
export async function fileRead(
  parse: (source: Source, limits: ParseLimits, emit: Emit) => Promise<void>,
  bytes: Buffer,
): Promise<string> {
  const texts: string[] = [];
  await parse(sourceOf(bytes), defaultParseLimits, async (text) => void texts.push(text));
  return texts.join('');
}
