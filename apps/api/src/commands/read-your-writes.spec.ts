import type { CallerContext } from '#api/http/caller.js';
import { positionOf } from '#infra/event-log/prepared-append.js';
import { ReadYourWrites, type ProgressWaiter } from './read-your-writes.js';

/** What was waited for, as `table position`, by read models that are `behind` or have passed everything. */
function reads(behind: readonly string[] = []) {
  const waited: string[] = [];
  const waiter: ProgressWaiter = {
    waitFor: async (table, position) => {
      waited.push(`${table} ${Number(position)}`);
      return { reached: !behind.includes(table), lagEvents: behind.includes(table) ? 7 : 0 };
    },
  };
  const own = new ReadYourWrites(waiter, () => Promise.resolve(positionOf(12)));
  return { own, waited };
}

function aCaller(tenantId: string, more: Partial<Pick<CallerContext, 'minPosition' | 'waitsFor' | 'waitsLater'>> = {}) {
  const headers = new Map<string, string>();
  const setHeader = (name: string, value: string) => void headers.set(name, value);
  return { headers, caller: { tenantId, setHeader, ...more } as unknown as CallerContext };
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
    await own.before('runs', aCaller('acme', { minPosition: positionOf(8) }).caller);
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

describe('who wrote something', () => {
  const waitsFor = ['documents', 'document_acls'];

  it('is answered once the read models of the endpoint have it', async () => {
    const { own, waited } = reads();
    const { caller, headers } = aCaller('acme', { waitsFor, waitsLater: false });
    await own.after(positionOf(4), caller);
    expect(waited).toEqual(['documents 4', 'document_acls 4']);
    expect(headers.get('x-log-position')).toBe(positionOf(4));
  });

  it('is answered at once where the endpoint waits later, and finds it with the next query of its tenant', async () => {
    const { own, waited } = reads();
    const { caller, headers } = aCaller('acme', { waitsFor, waitsLater: true });
    await own.after(positionOf(4), caller);
    expect(waited).toEqual([]);
    expect(headers.get('x-log-position')).toBe(positionOf(4));
    for (const table of waitsFor) await own.before(table, aCaller('acme').caller);
    await own.before('documents', aCaller('globex').caller);
    expect(waited).toEqual(['documents 4', 'document_acls 4']);
  });
});

describe('what the log knows and a read model does not show', () => {
  it('is waited for up to where the log stands', async () => {
    const { own, waited } = reads(['documents']);
    const { caller, headers } = aCaller('acme');
    await own.catchUp(['documents'], caller);
    expect(waited).toEqual(['documents 12']);
    expect(headers.get('x-projection-lag')).toBe('7');
  });
});
