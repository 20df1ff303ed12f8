import { defineCapability } from '#domain/kernel/capability.js';
import { defineEvents, type EventOf } from '#domain/kernel/events.js';
import { defineProjection } from '#domain/kernel/projection.js';
import { t } from '#domain/kernel/schema.js';
import type { EventLog } from '#infra/event-log/event-log.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import { ProjectionAdmin } from '#infra/projections/admin.js';
import { CapabilityRegistry } from '#infra/projections/registry.js';
import { ProjectionRunner } from '#infra/projections/runner.js';
import { ProjectionWaiter } from '#infra/projections/waiter.js';
import { accounts, append, capabilityOf, moved, newEvent, openBench, opened } from './support.js';
import type { Bench } from './support.js';

const audit = { type: 'ops.visit', category: 'ops', outcome: 'success', resource: ['page', 'page'] } as const;
const visitEvents = defineEvents({ PageVisited: { version: 1, data: { page: t.string }, audit } });
const visits = defineProjection<EventOf<typeof visitEvents>>()({
  table: 'visits',
  version: 1,
  form: 'append',
  columns: { id: 'text', tenant_id: 'text', page: 'text' },
  key: (event) => event.id,
  on: { PageVisited: (event) => ({ id: event.id, tenant_id: event.tenantId, page: event.data.page }) },
});
const registry = new CapabilityRegistry([
  capabilityOf(accounts),
  defineCapability({ name: 'visits', log: 'access', events: visitEvents, projections: [visits] }),
]);
const visited = (page: string) => newEvent('PageVisited', { page });

describe('projections over two logs', () => {
  let bench: Bench;
  let access: EventLog;
  let admin: ProjectionAdmin;
  let runners: readonly ProjectionRunner[];
  const visit = (...pages: readonly string[]) => access.append('access-t1.d', pages.map(visited), { expected: 'any' });

  beforeEach(async () => {
    bench = await openBench();
    const { database, log } = bench;
    access = await PostgresEventLog.open(database, 'access');
    admin = new ProjectionAdmin({ database, log, accessLog: access, registry });
    runners = [log, access].map((over) => new ProjectionRunner({ database, log: over, registry, owner: 'one' }));
    for (const runner of runners) await runner.start();
  });
  afterEach(async () => {
    for (const runner of runners) await runner.stop();
    await access.close();
    await bench.close();
  });

  const caughtUp = () => Promise.all(runners.map((runner) => runner.caughtUp()));

  it('are each fed from their own log, by one owner', async () => {
    expect(runners.map((runner) => runner.feeding)).toEqual([['accounts v1 generation 1'], ['visits v1 generation 1']]);
    await append(bench.log, opened('a'), moved('a', 5));
    await visit('/x', '/y', '/z');
    await caughtUp();
    expect(await bench.database.query('select page from read.visits_v1 order by id')).toHaveLength(3);
    expect(await bench.database.query('select id from read.accounts_v1')).toEqual([{ id: 'a' }]);
  });

  it('are listed against the head of their own log', async () => {
    await append(bench.log, opened('a'));
    await visit('/x', '/y', '/z');
    await caughtUp();
    await runners[1]?.stop();
    await visit('/later');
    const states = new Map((await admin.list()).map((state) => [state.table, state]));
    expect(states.get('accounts')).toMatchObject({ head: await bench.log.head(), eventsBehind: 0 });
    expect(states.get('visits')).toMatchObject({ head: await access.head(), eventsBehind: 1 });
  });

  it('are verified, rebuilt and replayed from their own log', async () => {
    await append(bench.log, opened('a'));
    await visit('/x', '/y');
    const before = (await access.head()) ?? '';
    await visit('/z');
    await caughtUp();
    expect(await admin.verify('visits')).toMatchObject({ clean: true, rows: 3 });
    expect(await admin.verify('accounts')).toMatchObject({ clean: true, rows: 1 });
    expect(await admin.rebuild('visits')).toMatchObject({ swapped: true, rows: 3, differences: { total: 0 } });
    expect((await admin.asOf('visits', { position: before }, { tenantId: 't1' })).rows).toHaveLength(2);
    await bench.database.execute(`delete from read.rm_visits_v1_2 where page = '/x'`);
    expect(await admin.verify('visits')).toMatchObject({ clean: false, differences: { total: 1 } });
  });

  it('are waited for by positions of their own log', async () => {
    const waiter = new ProjectionWaiter({ database: bench.database });
    const { position } = await visit('/x');
    expect(await waiter.waitFor(visits, position, 5_000)).toEqual({ reached: true, lagEvents: 0 });
    await waiter.stop();
  });

  it('are not touched where their log is not open', () => {
    const { database, log } = bench;
    expect(() => new ProjectionAdmin({ database, log, registry }).verify('visits')).toThrow('access log');
  });
});
