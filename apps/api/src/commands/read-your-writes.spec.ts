import type { CallerContext } from '#api/http/caller.js';
import { positionOf } from '#infra/event-log/prepared-append.js';
import { ReadYourWrites } from './read-your-writes.js';

/** What was waited for, as `table position`, by read models that are `behind` or have passed everything. */
function reads(behind: readonly string[] = []) {
  const waited: string[] = [];
  const own = new ReadYourWrites({
    waitFor: async (table, position) => {
      waited.push(`${table} ${Number(position)}`);
      return { reached: !behind.includes(table), lagEvents: behind.includes(table) ? 7 : 0 };
    },
  });
  return { own, waited };
}

function aCaller(tenantId: string, minPosition?: string) {
  const headers = new Map<string, string>();
  const setHeader = (name: string, value: string) => void headers.set(name, value);
  return { headers, caller: { tenantId, minPosition, setHeader } as unknown as CallerContext };
}

describe('who was told of something in a stream', () => {
  it('finds it with the next query of the read models that it was noted for', async () => {
    const { own, waited } = reads();
    own.note('acme', ['runs', 'sessions'], positionOf(5));
    own.note('acme', ['runs'], positionOf(9));
    own.note('acme', ['runs'], positionOf(3));
    own.note('acme', ['runs'], null);
    const { caller } = aCaller('acme');
    for (const table of ['runs', 'sessions', 'documents']) await own.before(table, caller);
    await own.before('runs', aCaller('globex').caller);
    expect(waited).toEqual(['runs 9', 'sessions 5']);
  });

  it('waits for what it names itself, too', async () => {
    const { own, waited } = reads();
    own.note('acme', ['runs'], positionOf(5));
    await own.before('runs', aCaller('acme', positionOf(8)).caller);
    expect(waited).toEqual(['runs 5', 'runs 8']);
  });

  it('is answered with how far behind a read model is that does not move', async () => {
    const { own } = reads(['runs']);
    own.note('acme', ['runs'], positionOf(5));
    const { caller, headers } = aCaller('acme');
    await own.before('runs', caller);
    expect(headers.get('x-projection-lag')).toBe('7');
  });
});
