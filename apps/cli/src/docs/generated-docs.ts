import type { Capability } from '#domain/kernel/capability.js';
import { renderConfigurationPage, renderEnvExample } from '#infra/config/render.js';
import { errorRows } from './error-tables.js';
import { catalogueOf, type EventCatalogue } from './event-catalogue.js';
import { goldenOf } from './golden.js';
import { errorsPage, eventsPage } from './pages.js';
import { renderReadme } from './readme.js';

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** The texts that follow from the declarations of this build, by their path from the root of the repository. */
export async function renderDocs(from: {
  readonly capabilities: readonly Capability[];
  /** `docs/generated/events.json` as it is; it alone remembers the older versions. */
  readonly events: EventCatalogue;
  /** The repository's folder, with the sources. */
  readonly root: string;
  /** The file that runs for a source path without extension: itself under a transforming runner, else its build. */
  readonly compiled: (source: string) => string;
}): Promise<ReadonlyMap<string, string>> {
  const errors = await errorRows(from.root, from.compiled);
  return new Map([
    ['README.md', await renderReadme(from.root, from.compiled)],
    ['.env.example', renderEnvExample()],
    ['docs/generated/configuration.md', renderConfigurationPage()],
    ['docs/generated/errors.md', errorsPage(errors)],
    ['docs/generated/events.md', eventsPage(from.capabilities)],
    ['docs/generated/events.json', json(catalogueOf(from.capabilities, from.events))],
  ]);
}

/** A sample of each event version, by its path. Written once and never again: it stands for what is stored. */
export function goldenFiles(catalogue: EventCatalogue): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(catalogue).flatMap(([type, { versions }]) =>
      Object.entries(versions).map(
        ([version, schema]) =>
          [`test/golden/${type}.v${version}.json`, json(goldenOf(type, Number(version), schema))] as const,
      ),
    ),
  );
}
