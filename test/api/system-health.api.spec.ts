import { runRows } from '#domain/capabilities/runs/runs.projection.js';
import { PAGE_POLICY } from '#api/capabilities/system-health/health-page.adapter.js';
import { SystemHealth, type ComponentCheck } from '#api/capabilities/system-health/system-health.handler.js';
import { createKey } from '#cli/operations/keys.js';
import { TestClient } from '#test/support/client.js';
import { aCorpus, aDocument, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

interface View {
  readonly status: string;
  readonly components: readonly {
    readonly name: string;
    readonly status: string;
    readonly problem: string | null;
    readonly figures: Readonly<Record<string, unknown>>;
  }[];
}

const JSON_PATH = '/v1/admin/system/health.json';
const PAGE_PATH = '/v1/admin/system/health';
const ADMIN_TOKEN = 'a-token-for-those-who-watch';

describe('system health', () => {
  let server: TestServer;
  let tenant: TestTenant;
  let watcher: TestClient;
  beforeAll(async () => {
    server = await openTestServer({ ADMIN_TOKEN });
    watcher = new TestClient(server.url, ADMIN_TOKEN);
    tenant = await server.tenant();
    await aCorpus(tenant);
    await aDocument(tenant, 'Something to find.', { document_id: 'd1' });
    await tenant.reader.ask({ session_id: 's1', corpus_id: 'c1', message: 'What is there to find?', top_k: 3 });
    const runs = server.platform.readModels.for(runRows);
    await until('the run is known', async () => (await runs.count(tenant.tenantId, { status: 'succeeded' })) === 1);
  });
  afterAll(() => server.stop());

  const figuresOf = (view: View, name: string) => view.components.find((each) => each.name === name)?.figures ?? {};

  it('says of every component whether it is well, with its figures', async () => {
    const { status, data } = await watcher.get(JSON_PATH);
    expect(status).toBe(200);
    const view = data as View;
    expect(view.components.map(({ name }) => name)).toEqual([
      'database',
      'event_log',
      'projections',
      'jobs',
      'ledger',
      'shared_state',
      'retrieval_index',
      'idempotency',
      'retention',
      'model',
      'ingestion',
      'streams',
      'access_log',
    ]);
    // The answerer of the tests says that no model answered.
    expect(view.components.filter((each) => each.status !== 'ok')).toEqual([
      expect.objectContaining({ name: 'model', status: 'degraded' }),
    ]);
    expect(view.status).toBe('degraded');
    expect(figuresOf(view, 'database')).toMatchObject({ errors_5m: 0, pool_size: expect.any(Number) as number });
    expect(figuresOf(view, 'event_log')).toMatchObject({
      frozen: false,
      head: expect.stringMatching(/^\d{20}/) as string,
    });
    expect(figuresOf(view, 'projections')).toMatchObject({ stalled: [], failed: [], quarantined_keys: 0 });
    expect(figuresOf(view, 'jobs')).toMatchObject({ dead_lettered: 0 });
    expect(figuresOf(view, 'model')).toMatchObject({ runs_1h: 1, errors_1h: 0, last_error_at: null });
    expect(figuresOf(view, 'ingestion')).toMatchObject({ pending: 0, failed_1h: 0, last_failure_at: null });
    expect(figuresOf(view, 'access_log')).toMatchObject({ dropped: 0 });
  });

  it('tells of jobs that failed for good and of frozen writes', async () => {
    const unwell = async (): Promise<readonly string[]> => {
      const { components } = (await watcher.get(JSON_PATH)).data as View;
      return components.filter(({ name, status }) => name !== 'model' && status !== 'ok').map(({ name }) => name);
    };
    const { database, log } = server.platform;
    await database.execute(
      `update pgboss.job set state = 'failed' where name = 'documents.ingest-short-text' and state = 'completed'`,
    );
    const { epoch } = await log.writerControl();
    await log.setWriterControl({ epoch, frozen: true });
    try {
      await until('the problems are seen', async () => (await unwell()).length === 2);
      expect(await unwell()).toEqual(['event_log', 'jobs']);
    } finally {
      await log.setWriterControl({ epoch, frozen: false });
      await database.execute(`update pgboss.job set state = 'completed' where state = 'failed'`);
    }
    await until('all is well again', async () => (await unwell()).length === 0);
  });

  it('is told while the database hangs', async () => {
    const { database } = server.platform;
    const opened = Promise.withResolvers<undefined>();
    const queries = ['query', 'queryPrepared', 'queryTogether', 'execute'] as const;
    const originals = queries.map(
      (name) => [name, Reflect.get(database, name) as (...args: unknown[]) => unknown] as const,
    );
    for (const [name, original] of originals)
      Reflect.set(database, name, (...args: unknown[]) => opened.promise.then(() => original.apply(database, args)));
    let hanging: readonly string[] = [];
    try {
      // The view of before the hang is given again for two seconds.
      await until('the hang is seen', async () => {
        const { components } = (await watcher.get(JSON_PATH)).data as View;
        hanging = components.filter(({ status }) => status === 'unknown').map(({ name }) => name);
        return hanging.length > 0;
      });
    } finally {
      opened.resolve(undefined);
      for (const name of queries) Reflect.deleteProperty(database, name);
    }
    expect(hanging).toEqual(expect.arrayContaining(['database', 'projections', 'jobs', 'model', 'ingestion']));
    expect(hanging).not.toContain('streams');
    await until('it answers again', async () => {
      const { components } = (await watcher.get(JSON_PATH)).data as View;
      return components.every(({ status }) => status !== 'unknown');
    });
  });

  it('is a page that loads and runs nothing', async () => {
    const page = await watcher.get(PAGE_PATH);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toBe(PAGE_POLICY);
    expect(PAGE_POLICY).toContain(`default-src 'none'`);
    expect(page.text).toContain('<h2>event log</h2>');
    expect(page.text).not.toMatch(/<script|https?:\/\/|javascript:/);
  });

  it('is for operators only: 401 without a key, 403 for the admins of any other tenant', async () => {
    for (const path of [JSON_PATH, PAGE_PATH]) {
      expect((await server.anonymous.get(path)).status).toBe(401);
      expect((await tenant.editor.get(path)).status).toBe(403);
      const refused = await tenant.admin.get(path);
      expect([refused.status, refused.code]).toEqual([403, 'AUTH_FORBIDDEN']);
    }
    const { OPERATOR_TENANT_ID: tenantId } = server.platform.config.auth;
    const { api_key } = await createKey(server.platform, { tenantId, role: 'admin', name: 'operator' });
    expect((await new TestClient(server.url, api_key).get(JSON_PATH)).status).toBe(200);
  });
});

describe('the health of components', () => {
  const errors: unknown[] = [];
  const health = (checks: readonly ComponentCheck[], cacheMs = 0) =>
    new SystemHealth({ process: 'p1', checks, onError: (error) => errors.push(error), deadlineMs: 50, cacheMs });
  const well: ComponentCheck = { name: 'well', check: () => Promise.resolve({ figures: { n: 1 } }) };

  it('is told although one hangs, which is asked once only until it answers', async () => {
    const answer = Promise.withResolvers<{ figures: object }>();
    let asked = 0;
    const hangs: ComponentCheck = {
      name: 'hangs',
      check: () => {
        asked += 1;
        return answer.promise;
      },
    };
    const system = health([well, hangs], -1);
    for (let time = 0; time < 3; time += 1) {
      const { status, components } = await system.view();
      expect([status, ...components.map((each) => each.status)]).toEqual(['unknown', 'ok', 'unknown']);
    }
    expect(asked).toBe(1);
    answer.resolve({ figures: {} });
    await answer.promise;
    expect((await system.view()).status).toBe('ok');
  });

  it('is an error when a check throws, without a word of why', async () => {
    const fails: ComponentCheck = { name: 'fails', check: () => Promise.reject(new Error('password=hunter2')) };
    const view = await health([well, fails]).view();
    expect(view.status).toBe('error');
    expect(JSON.stringify(view)).not.toContain('hunter2');
    expect(errors).toHaveLength(1);
  });

  it('is the worst of its problems, and is asked once for all who ask at a time', async () => {
    let asked = 0;
    const bad: ComponentCheck = {
      name: 'bad',
      check: () => {
        asked += 1;
        const problems = [
          { status: 'degraded', text: 'slow' },
          { status: 'error', text: 'down' },
        ] as const;
        return Promise.resolve({ figures: {}, problems });
      },
    };
    const system = health([bad], 60_000);
    const [one, two] = await Promise.all([system.view(), system.view()]);
    expect(one).toBe(two);
    expect(one.components[0]).toMatchObject({ status: 'error', problem: 'down' });
    expect(asked).toBe(1);
  });
});
