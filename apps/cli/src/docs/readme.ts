import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { answerHeaders, otherAnswerHeaders, requestHeaders, type HeaderRow } from '#api/http/header-catalogue.js';
import { table } from './pages.js';
import { declaredEndpoints, plansTable, rolesTable, type DeclaredEndpoint } from './roles.js';

/** What stands between `<!-- generated:NAME -->` and `<!-- /generated:NAME -->` of the README. */
const sections = (endpoints: readonly DeclaredEndpoint[]): ReadonlyMap<string, () => string> =>
  new Map([
    ['roles', () => rolesTable(endpoints)],
    ['plans', plansTable],
    ['request-headers', () => headerTable(requestHeaders)],
    ['answer-headers', () => headerTable([...answerHeaders, ...otherAnswerHeaders])],
  ]);

function headerTable(rows: readonly HeaderRow[]): string {
  const names = (name: string): string =>
    name
      .split(', ')
      .map((each) => `\`${each}\``)
      .join(', ');
  return table(
    ['Header', 'Where', 'What it says'],
    rows.map(({ name, where, does }) => [names(name), where, does]),
  );
}

/** A text with its generated sections filled in. Throws for a section that nobody writes, or that is not there. */
export function fillSections(text: string, written: ReadonlyMap<string, () => string>): string {
  const found = new Set<string>();
  const filled = text.replace(
    /(<!-- generated:([\w-]+) -->\n)[^]*?(<!-- \/generated:\2 -->)/g,
    (_, begin: string, name: string, end: string) => {
      const section = written.get(name);
      if (section === undefined) throw new Error(`nobody writes the section ${name}`);
      found.add(name);
      return `${begin}\n${section()}\n${end}`;
    },
  );
  const missing = [...written.keys()].filter((name) => !found.has(name));
  if (missing.length > 0) throw new Error(`the README has no section ${missing.join(', ')}`);
  return filled;
}

/** The README of the repository as it must be. */
export async function renderReadme(root: string, compiled: (source: string) => string): Promise<string> {
  const written = sections(await declaredEndpoints(root, compiled));
  return fillSections(await readFile(join(root, 'README.md'), 'utf8'), written);
}
