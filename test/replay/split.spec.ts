import fc from 'fast-check';
import type { Recorded } from '#domain/kernel/events.js';
import type { AnyProjection, AnyRow } from '#domain/kernel/projection.js';
import type { NewEvent } from '#infra/event-log/event-log.js';
import { BatchApplier } from '#infra/projections/applier.js';
import { foldInto, keyed, type Rows } from '#infra/projections/batch.js';
import type { Fed } from '#infra/projections/fed.js';
import { GenerationStore } from '#infra/projections/generations.js';
import { ProgressHub } from '#infra/projections/progress.js';
import { QuarantineStore } from '#infra/projections/quarantine.js';
import { columnsOf, normaliseRow, stableJson } from '#infra/projections/row.js';
import { accounts, closed, journal, moved, openBench, opened } from './support.js';
import type { Bench } from './support.js';

const name = fc.constantFrom('a', 'b', 'c');
const anyEvent: fc.Arbitrary<NewEvent> = fc.oneof(
  name.map((account) => opened(account)),
  fc.tuple(name, fc.integer({ min: -1_000, max: 1_000 })).map(([account, amount]) => moved(account, amount)),
  name.map((account) => closed(account)),
);
const place = (at: number): string => String(at).padStart(20, '0');

function recorded(event: NewEvent, at: number): Recorded {
  const { tenantId, occurredAt } = event.metadata;
  return { ...event, stream: 'accounts-t1.x', revision: at, position: place(at + 1), tenantId, occurredAt };
}

function folded(projection: AnyProjection, events: readonly Recorded[]): string[] {
  const rows: Rows = new Map();
  foldInto(projection, columnsOf(projection), rows, keyed(projection, events));
  return texts([...rows.values()].filter((row) => row !== undefined));
}

function texts(rows: readonly AnyRow[]): string[] {
  return rows.map((row) => stableJson(row)).sort();
}

describe('folding a history', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await openBench();
  });
  afterAll(() => bench.close());

  it.each([[accounts as AnyProjection], [journal as AnyProjection]])(
    'gives the same table however it is split into batches',
    async (projection) => {
      const { database } = bench;
      const store = new GenerationStore(database);
      const applier = new BatchApplier(database, store, new QuarantineStore(database), new ProgressHub(), 60_000);
      await store.ensure(projection);
      const [leased] = await store.acquire([projection], ['active'], { owner: 'law', ms: 600_000 });
      if (leased === undefined) throw new Error('the lease was not free');
      const fed: Fed = leased;
      await fc.assert(
        fc.asyncProperty(
          fc.array(anyEvent, { maxLength: 30 }),
          fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 10 }),
          async (history, sizes) => {
            await fed.table.truncate();
            await database.query(`update projections.generations set position = '' where table_name = $1`, [
              fed.key[0],
            ]);
            fed.position = '';
            const events = history.map(recorded);
            for (let from = 0, at = 0; from < events.length; at += 1) {
              const batch = events.slice(from, from + (sizes[at % sizes.length] ?? 1));
              from += batch.length;
              await applier.apply([fed], batch, { after: fed.position, to: place(from) });
            }
            const rows = await fed.table.page(undefined, 1_000);
            expect(texts(rows.map((row) => normaliseRow(fed.table.columns, row)))).toEqual(folded(projection, events));
          },
        ),
        { numRuns: 40 },
      );
    },
  );
});
