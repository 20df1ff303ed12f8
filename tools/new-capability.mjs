import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from './run.mjs';

/** `npm run new:capability legal-holds`: the eight files of a capability and its lines in the two lists. */
const root = join(import.meta.dirname, '..');
const name = process.argv[2] ?? '';
if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
  console.error('usage: npm run new:capability NAME     (plural and kebab-case, such as legal-holds)');
  process.exit(2);
}

const singular = name.endsWith('ies') ? `${name.slice(0, -3)}y` : name.replace(/s$/, '');
const pascal = (text) => text.replace(/(^|-)([a-z0-9])/g, (_, __, letter) => letter.toUpperCase());
const camel = (text) => pascal(text).replace(/^./, (letter) => letter.toLowerCase());

/** The templates speak of sample things; plurals go first, because each holds its singular. */
const spellings = [
  ['sample-things', name],
  ['sample_things', name.replaceAll('-', '_')],
  ['sample things', name.replaceAll('-', ' ')],
  ['SampleThings', pascal(name)],
  ['sampleThings', camel(name)],
  ['sample_thing', singular.replaceAll('-', '_')],
  ['sample thing', singular.replaceAll('-', ' ')],
  ['SampleThing', pascal(singular)],
  ['sampleThing', camel(singular)],
];
const named = (text) => spellings.reduce((result, [from, to]) => result.replaceAll(from, to), text);

const domain = `libs/domain/src/capabilities/${name}/${name}`;
const api = `apps/api/src/capabilities/${name}/${name}`;
const files = {
  events: `${domain}.events.ts`,
  decider: `${domain}.decider.ts`,
  projection: `${domain}.projection.ts`,
  spec: `${domain}.spec.ts`,
  contract: `${api}.contract.ts`,
  controller: `${api}.controller.ts`,
  queries: `${api}.queries.ts`,
  'api-spec': `test/api/${name}.api.spec.ts`,
};

const taken = Object.values(files).filter((path) => existsSync(join(root, path)));
if (taken.length > 0) {
  console.error(`${taken.join(', ')}: there already`);
  process.exit(1);
}
for (const [template, path] of Object.entries(files)) {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), named(await readFile(join(root, 'tools/templates', `${template}.txt`), 'utf8')));
  console.log(`wrote ${path}`);
}

/** Adds imports after the last one and lines at their anchors; says what to write by hand where an anchor is gone. */
async function register(path, imports, entries) {
  const before = await readFile(join(root, path), 'utf8').catch(() => undefined);
  const lastImport = [...(before ?? '').matchAll(/^(?:import |\} from ).*;\n/gm)].at(-1);
  if (before === undefined || lastImport === undefined || entries.some(({ anchor }) => !anchor.test(before))) {
    console.log(`\nadd to ${path} by hand:\n${named([...imports, ...entries.map(({ line }) => line)].join('\n'))}`);
    return;
  }
  const end = lastImport.index + lastImport[0].length;
  const imported = `${before.slice(0, end)}${named(imports.join('\n'))}\n${before.slice(end)}`;
  const text = entries.reduce(
    (result, { anchor, line }) => result.replace(anchor, (found) => named(found + line)),
    imported,
  );
  await writeFile(join(root, path), text);
  console.log(`changed ${path}`);
}

await register(
  'libs/domain/src/capabilities/capabilities.ts',
  [
    "import { sampleThingErrors, sampleThings } from './sample-things/sample-things.decider.js';",
    "import { sampleThingEvents } from './sample-things/sample-things.events.js';",
    "import { sampleThingRows } from './sample-things/sample-things.projection.js';",
  ],
  [
    {
      anchor: /const recorded: readonly Capability\[\] = \[\n/,
      line: "  defineCapability({ name: 'sample-things', events: sampleThingEvents, errors: sampleThingErrors, deciders: [sampleThings], projections: [sampleThingRows] }),\n",
    },
  ],
);
await register(
  'apps/api/src/app.module.ts',
  [
    "import { SampleThingsController } from './capabilities/sample-things/sample-things.controller.js';",
    "import { SampleThingQueries } from './capabilities/sample-things/sample-things.queries.js';",
  ],
  [
    { anchor: /\bcontrollers(: [^=[\n]+)?(:| =) \[/, line: 'SampleThingsController, ' },
    { anchor: /\b(providers|queries)(: [^=[\n]+)?(:| =) \[/, line: 'SampleThingQueries, ' },
  ],
);

const changed = ['libs/domain/src/capabilities/capabilities.ts', 'apps/api/src/app.module.ts'].filter((path) =>
  existsSync(join(root, path)),
);
await run('npx', ['prettier', '--write', ...Object.values(files), ...changed].map(String));
console.log('\nNext: npm run docs:generate, then the failing promise in the spec.');
