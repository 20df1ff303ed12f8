import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import 'reflect-metadata';

/** Writes docs/generated and the missing golden events from what `dist` declares; with --check, says what is not current. */
const root = join(import.meta.dirname, '..');
const checkOnly = process.argv.includes('--check');

const { capabilities } = await import('#domain/capabilities/capabilities.js');
const { brokenPromises, catalogueOf } = await import('#cli/docs/event-catalogue.js');
const { renderApiDocs } = await import('#cli/docs/api-docs.js');
const { goldenFiles, renderDocs } = await import('#cli/docs/generated-docs.js');

const read = (path) => readFile(join(root, path), 'utf8').catch(() => undefined);
const events = JSON.parse((await read('docs/generated/events.json')) ?? '{}');

// Before a release has stored an event, its first version may still change: --redefine=Type forgets what is written of it.
const redefined = process.argv.flatMap((argument) => /^--redefine=(\w+)$/.exec(argument)?.[1] ?? []);
for (const type of redefined) delete events[type];

const broken = brokenPromises(capabilities, events);
if (broken.length > 0) {
  console.error(broken.join('\n'));
  process.exit(1);
}

const compiled = (source) => join(root, 'dist', `${source}.js`);
const { version } = JSON.parse(await read('package.json'));
const docs = [
  ...(await renderDocs({ capabilities, events, root, compiled })),
  ...(await renderApiDocs(root, compiled, version)),
];
const isNew = (path) =>
  !existsSync(join(root, path)) || redefined.some((type) => path.startsWith(`test/golden/${type}.v`));
const golden = [...goldenFiles(catalogueOf(capabilities, events))].filter(([path]) => isNew(path));
const stale = [];
for (const [path, text] of [...docs, ...golden]) if ((await read(path)) !== text) stale.push([path, text]);

if (checkOnly && stale.length > 0) {
  console.error(`not current (npm run docs:generate writes them):\n${stale.map(([path]) => `  ${path}`).join('\n')}`);
  process.exitCode = 1;
} else {
  for (const [path, text] of checkOnly ? [] : stale) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
    console.log(`wrote ${path}`);
  }
}
process.exit();
