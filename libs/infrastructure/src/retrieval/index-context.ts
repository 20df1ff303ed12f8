import type { Chunk } from '#domain/kernel/text/chunker.js';

/** What stands before each chunk where it is indexed, in the order of the chunks. Many chunks share one. */
export function packPrefixes(prefixes: readonly string[]): Uint8Array {
  const distinct = [...new Set(prefixes)];
  return Buffer.from(JSON.stringify({ distinct, of: prefixes.map((prefix) => distinct.indexOf(prefix)) }));
}

export function unpackPrefixes(bytes: Uint8Array): readonly string[] {
  const { distinct, of } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { distinct: string[]; of: number[] };
  return of.map((at) => distinct[at] ?? '');
}

/** What of a chunk is embedded and counted: its text after the words that it belongs to. */
export function indexedForm(prefix: string, text: string): string {
  return prefix === '' ? text : `${prefix}\n${text}`;
}

/** What stands before a chunk: the document's opening, which the first chunk holds already, and the chunk's own context. */
export function prefixOf(chunk: Pick<Chunk, 'ordinal' | 'context'>, opening: string): string {
  return [chunk.ordinal === 0 ? '' : opening, chunk.context ?? ''].filter((words) => words !== '').join('\n');
}
