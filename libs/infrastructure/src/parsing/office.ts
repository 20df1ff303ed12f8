import { posix } from 'node:path';
import type { Archive } from './archive.js';
import { unreadable } from './parsing-errors.js';
import { readXml } from './xml.js';

export interface Relation {
  readonly id: string;
  readonly type: string;
  /** The name of the part that is meant. */
  readonly target: string;
}

/** The relations of a part, to other parts of the document only. */
export async function relationsOf(archive: Archive, part: string): Promise<readonly Relation[]> {
  const { dir, base } = posix.parse(part);
  const name = posix.join(dir, '_rels', `${base}.rels`);
  if (!archive.has(name)) return [];
  const found: Relation[] = [];
  await readXml(archive.part(name), {
    open: (tag, { Id: id = '', Type: type = '', Target: target = '', TargetMode: mode }) => {
      if (tag !== 'Relationship' || mode === 'External') return;
      const path = target.startsWith('/') ? target.slice(1) : posix.join(dir, target);
      if (path.startsWith('..')) throw unreadable('paths');
      found.push({ id, type: type.slice(type.lastIndexOf('/') + 1), target: path });
    },
  });
  return found;
}
