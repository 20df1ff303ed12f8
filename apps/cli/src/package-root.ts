import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The package.json above a file, in a checkout and in dist alike. Throws when there is none. */
export function findPackage(from: string): string {
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) return path;
    if (dirname(folder) === folder) throw new Error(`no package.json above ${from}`);
  }
}
