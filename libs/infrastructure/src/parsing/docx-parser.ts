import mammoth from 'mammoth';
import { Archive } from './archive.js';
import { textOfHtml } from './html-parser.js';
import type { Emit } from './part-writer.js';
import type { ParseLimits } from './parse-task.js';
import { unreadable } from './parsing-errors.js';
import type { Source } from './source.js';
import { readXml } from './xml.js';

/** Mammoth holds the whole file in memory. */
const LARGEST = 64 * 1024 * 1024;

/** Reads a Word document with its headings, lists and tables; pictures are left out. */
export async function parseDocx(source: Source, limits: ParseLimits, emit: Emit): Promise<void> {
  if (source.size > LARGEST) throw unreadable('tooHungry');
  const archive = await Archive.open(source, limits);
  if (!archive.has('word/document.xml')) throw unreadable('mistyped');
  await checkParts(archive);
  archive.close();
  const bytes = source.read(0, source.size);
  try {
    const { value } = await mammoth.convertToHtml(
      { buffer: Buffer.from(bytes) },
      { convertImage: mammoth.images.imgElement(() => Promise.resolve({ src: '' })), externalFileAccess: false },
    );
    await emit(textOfHtml(value));
  } catch (error) {
    if (error instanceof Error && error.name === 'CatalogueError') throw error;
    throw unreadable(error instanceof RangeError ? 'nested' : 'broken', error);
  }
}

/** Everything that will be unpacked is unpacked once without being kept, and its XML read strictly. */
async function checkParts(archive: Archive): Promise<void> {
  for (const name of archive.names) {
    if (/\.(?:xml|rels)$/iu.test(name)) await readXml(archive.part(name), {});
  }
}
