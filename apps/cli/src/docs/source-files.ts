import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The source files under apps and libs, without specs, relative to `root`, without their extension, in order. */
export async function sourceFiles(root: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const part of ['apps', 'libs']) {
    for (const name of await readdir(join(root, part), { recursive: true })) {
      if (name.endsWith('.ts') && !name.endsWith('.spec.ts')) found.push(join(part, name.slice(0, -'.ts'.length)));
    }
  }
  return found.sort();
}
