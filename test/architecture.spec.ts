import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brokenPromises, type EventCatalogue } from '#cli/docs/event-catalogue.js';
import { renderDocs } from '#cli/docs/generated-docs.js';
import type { GoldenEvent } from '#cli/docs/golden.js';
import { capabilities } from '#domain/capabilities/capabilities.js';
import { defineCapability } from '#domain/kernel/capability.js';
import { defineEvents, upcast, type EventDefinition } from '#domain/kernel/events.js';
import { foldRow, type Projection } from '#domain/kernel/projection.js';
import { checkShape, t } from '#domain/kernel/schema.js';
import { recorded } from '#domain/kernel/testing/given.js';

const root = join(import.meta.dirname, '..');
const generated = join(root, 'docs/generated');
const catalogue = JSON.parse(readFileSync(join(generated, 'events.json'), 'utf8')) as EventCatalogue;

const events = capabilities.flatMap((capability) =>
  Object.entries(capability.events).map(([type, definition]) => ({ capability, type, definition })),
);
const definitions = new Map<string, EventDefinition>(events.map(({ type, definition }) => [type, definition]));

const twice = (names: readonly string[]): readonly string[] => names.filter((name, at) => names.indexOf(name) !== at);

/** Past participles that do not end in -ed. */
const irregular =
  /(Begun|Bound|Built|Chosen|Cut|Done|Forgotten|Found|Frozen|Given|Held|Kept|Left|Lost|Made|Met|Paid|Put|Read|Rebuilt|Reset|Run|Seen|Sent|Set|Split|Spent|Taken|Told|Withdrawn|Written)$/;

describe('events', () => {
  it('have names that no two capabilities share', () => {
    expect(twice(events.map(({ type }) => type))).toEqual([]);
  });

  it('are named in the past tense', () => {
    expect(
      events.map(({ type }) => type).filter((type) => !/^[A-Z][A-Za-z0-9]*ed$/.test(type) && !irregular.test(type)),
    ).toEqual([]);
  });

  it('keep every payload that may be stored readable: a change raises the version and adds an upcaster', () => {
    expect(brokenPromises(capabilities, catalogue)).toEqual([]);
  });

  it('show in the audit log by a dotted type, a resource id and no personal field', () => {
    for (const { type, definition } of events) {
      const { audit, data } = definition;
      const shown = [audit.resource[1], ...(audit.shows ?? [])];
      expect({ type, audit: audit.type }).toEqual({ type, audit: expect.stringMatching(/^[a-z_]+(\.[a-z_]+)+$/) });
      expect({ type, unknown: shown.filter((name) => data[name] === undefined) }).toEqual({ type, unknown: [] });
      expect({ type, personal: shown.filter((name) => data[name]?.personal !== undefined) }).toEqual({
        type,
        personal: [],
      });
    }
  });
});

describe('the guard of stored payloads', () => {
  const withEvent = (definition: Partial<EventDefinition>) => {
    const audit = { type: 'a.b', category: 'data', outcome: 'success', resource: ['thing', 'id'] } as const;
    return [
      defineCapability({
        name: 'x',
        events: defineEvents({ Changed: { version: 1, data: { id: t.string }, audit, ...definition } }),
      }),
    ];
  };
  const before: EventCatalogue = {
    Changed: {
      capability: 'x',
      newest: 1,
      audit: 'a.b',
      versions: {
        1: { type: 'object', additionalProperties: false, required: ['id'], properties: { id: { type: 'string' } } },
      },
    },
  };

  it('accepts what did not change', () => {
    expect(brokenPromises(withEvent({}), before)).toEqual([]);
  });

  it('finds a changed payload, a missing upcaster and a removed event', () => {
    expect(brokenPromises(withEvent({ data: { id: t.integer } }), before)).toEqual([
      expect.stringContaining('raise its version'),
    ]);
    expect(brokenPromises(withEvent({ version: 2, data: { id: t.integer } }), before)).toEqual([
      'Changed has no upcaster from version 1',
    ]);
    expect(brokenPromises([], before)).toEqual([expect.stringContaining('was removed')]);
  });
});

describe('golden events', () => {
  const expected = Object.entries(catalogue).flatMap(([type, { versions }]) =>
    Object.keys(versions).map((version) => `${type}.v${version}.json`),
  );

  it('exist for every version of every event', async () => {
    expect((await readdir(join(root, 'test/golden'))).sort()).toEqual(expected.sort());
  });

  it.each(expected)('%s becomes the newest version and folds', async (file) => {
    const golden = JSON.parse(await readFile(join(root, 'test/golden', file), 'utf8')) as GoldenEvent;
    const definition = definitions.get(golden.type);
    if (definition === undefined) throw new Error(`${golden.type} has no definition`);
    const data = upcast(definition, golden.type, golden.schemaVersion, golden.data);
    expect(checkShape(definition.data, data)).toBeUndefined();
    const event = recorded({ type: golden.type, data });
    const reading = capabilities.filter((capability) => capability.events[golden.type] === definition);
    for (const { projections, deciders } of reading) {
      for (const projection of projections)
        expect(() => foldRow(projection as Projection, event, undefined)).not.toThrow();
      for (const decider of deciders) expect(() => decider.evolve(decider.initial, event) as unknown).not.toThrow();
    }
  });
});

describe('read models', () => {
  const tables = capabilities.flatMap(({ projections }) => projections.map(({ table }) => table));

  it('belong to exactly one capability each', () => {
    expect(twice(tables)).toEqual([]);
  });

  it('hold columns that SQL needs no quotes for', () => {
    const names = capabilities.flatMap(({ projections }) =>
      projections.flatMap(({ table, columns }) => [table, ...Object.keys(columns as object)]),
    );
    expect(names.filter((name) => !/^[a-z][a-z0-9_]*$/.test(name))).toEqual([]);
  });
});

describe('error rows', () => {
  it('of every capability stand on the generated page', async () => {
    const page = await readFile(join(generated, 'errors.md'), 'utf8');
    const rows = capabilities.flatMap(({ errors }) => Object.values(errors));
    expect(rows.filter(({ code, title }) => !page.includes(`\`${code}\``) || !page.includes(title))).toEqual([]);
  });

  it('have a code in capitals and a sentence', () => {
    const rows = capabilities.flatMap(({ errors }) => Object.values(errors));
    expect(rows.filter(({ code, title }) => !/^[A-Z][A-Z0-9_]*$/.test(code) || title.trim() === '')).toEqual([]);
  });
});

describe('files', () => {
  const roles =
    /^[a-z0-9-]+\/[a-z0-9-]+[.](events|decider|projection|reactions|ports|spec|contract|controller|queries|handler|adapter)[.]ts$/;

  it.each(['libs/domain/src/capabilities', 'apps/api/src/capabilities'])(
    'of %s are named by the closed list of roles',
    async (part) => {
      if (!existsSync(join(root, part))) return;
      const names = (await readdir(join(root, part), { recursive: true })).filter((name) => name.endsWith('.ts'));
      const wrong = names.filter((name) => name !== 'capabilities.ts' && !roles.test(name));
      expect(wrong).toEqual([]);
    },
  );

  it('of a capability lie in the folder of its name', () => {
    const names = capabilities.map(({ name }) => name);
    expect(names.filter((name) => !existsSync(join(root, 'libs/domain/src/capabilities', name)))).toEqual([]);
  });
});

describe('every capability with endpoints', () => {
  const folder = join(root, 'apps/api/src/capabilities');
  const isServed = (name: string): boolean => existsSync(join(folder, name, `${name}.controller.ts`));
  const served = existsSync(folder) ? readdirSync(folder).filter(isServed) : [];

  /** An endpoint that every role may call gives no 403, and one whose path names nothing gives no 404. */
  const covered = (controller: string): readonly string[] => [
    '401',
    'tenant',
    ...(/role: '(?!reader)/.test(controller) ? ['403'] : []),
    ...(/@Endpoint\('[A-Z]+ [^']*:/.test(controller) ? ['404'] : []),
  ];

  it.each(served)(
    'has an api spec that covers 401, other tenants, and the 403 and 404 it can give: %s',
    async (name) => {
      const controller = await readFile(join(folder, name, `${name}.controller.ts`), 'utf8');
      const text = await readFile(join(root, `test/api/${name}.api.spec.ts`), 'utf8').catch(() => '');
      expect(covered(controller).filter((word) => !text.includes(word))).toEqual([]);
    },
  );
});

describe('generated documents', () => {
  it('are current', async () => {
    const compiled = (source: string): string => join(root, `${source}.ts`);
    const docs = await renderDocs({ capabilities, events: catalogue, root, compiled });
    const stale = [...docs].filter(
      ([path, text]) => !existsSync(join(root, path)) || readFileSync(join(root, path), 'utf8') !== text,
    );
    expect(stale.map(([path]) => path)).toEqual([]);
    // Every controller is loaded for them.
  }, 60_000);
});
