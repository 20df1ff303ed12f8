import { uiActionRows } from '#domain/capabilities/ui/ui.projection.js';
import { forgetActions } from '#api/capabilities/ui/ui-actions.handler.js';
import type { TestClient } from '#test/support/client.js';
import {
  aCorpus,
  aDocument,
  ingested,
  openTestServer,
  type TestServer,
  type TestTenant,
} from '#test/support/server.js';
import { until } from '#test/support/until.js';

interface Listed {
  readonly items: readonly { readonly id: string; readonly filename: string; readonly event_type: string }[];
  readonly page: { readonly next_cursor: string | null; readonly has_more: boolean };
  readonly facets: Readonly<Record<string, readonly { readonly value: string; readonly count: number }[]>>;
}

describe('the user interface', () => {
  let server: TestServer;
  let tenant: TestTenant;
  let other: TestTenant;
  beforeAll(async () => {
    server = await openTestServer();
    tenant = await server.tenant();
    other = await server.tenant();
    for (const each of [tenant, other]) await aCorpus(each);
    const files = ['100% true.md', '100 true.md', 'a_b.txt', 'axb.txt', 'zebra.txt'];
    for (const [at, filename] of files.entries())
      await aDocument(tenant, `Text of ${at}.`, { document_id: `doc-${at}`, filename });
    await aDocument(tenant, '', { document_id: 'empty-one', filename: 'empty.txt', allow_empty: true });
    await aDocument(other, 'Of another tenant.', { document_id: 'theirs', filename: 'theirs.txt' });
  });
  afterAll(() => server.stop());

  async function list(client: TestClient, path: string): Promise<Listed> {
    const answer = await client.get(path);
    if (answer.status !== 200) throw new Error(`${path}: ${answer.text}`);
    return answer.data as Listed;
  }
  const ids = ({ items }: Listed): readonly string[] => items.map(({ id }) => id);

  describe('its start', () => {
    it('says who calls, what its plan includes and what is left of its quota', async () => {
      const { status, data } = await tenant.reader.get('/v1/ui/bootstrap');
      expect(status).toBe(200);
      expect(data).toMatchObject({
        principal: { tenant_id: tenant.tenantId, role: 'reader' },
        plan: { plan_id: 'enterprise', plan_name: 'Enterprise' },
        feature_flags: { tts_enabled: true, ops_admin_access: true, audit_access: true, billing_webhook_test: true },
        quota_snapshot: { day: { used: expect.any(Number) as number }, hard_cap_mode: 'enforce' },
        api: { version: 'v1' },
      });
      expect(Object.keys((data as { entitlements: object }).entitlements)).toHaveLength(15);
    });

    it('has no address without /v1', async () => {
      expect((await tenant.reader.get('/ui/bootstrap')).status).toBe(404);
    });
  });

  describe('its documents', () => {
    it('are those of the tenant, newest first, and never another tenant’s', async () => {
      const listed = await list(tenant.reader, '/v1/ui/documents');
      expect(ids(listed)).toEqual(['empty-one', 'doc-4', 'doc-3', 'doc-2', 'doc-1', 'doc-0']);
      expect(listed.items[0]).toMatchObject({ filename: 'empty.txt', status: 'succeeded', corpus_id: 'c1' });
    });

    it('are found by parts of their name or id, with % and _ for themselves', async () => {
      const found = async (q: string) => ids(await list(tenant.reader, `/v1/ui/documents?q=${encodeURIComponent(q)}`));
      expect(await found('0% T')).toEqual(['doc-0']);
      expect(await found('A_B')).toEqual(['doc-2']);
      expect(await found('ZEBRA')).toEqual(['doc-4']);
      expect(await found('TY-ON')).toEqual(['empty-one']);
      expect(await found('theirs')).toEqual([]);
      expect((await tenant.reader.get('/v1/ui/documents?q=%00')).status).toBe(422);
    });

    it('are sorted by several columns, by the names that clients use', async () => {
      expect(ids(await list(tenant.reader, '/v1/ui/documents?sort=name')).at(-1)).toBe('doc-4');
      const mixed = await list(tenant.reader, '/v1/ui/documents?sort=status,-filename,name');
      expect(ids(mixed)[0]).toBe('doc-4');
      const refused = await tenant.reader.get('/v1/ui/documents?sort=-created_at,size');
      expect([refused.status, refused.code]).toEqual([400, 'BAD_REQUEST']);
    });

    it('are paged to the end, each once, also in mixed directions', async () => {
      for (const sort of ['-created_at', 'name', 'status,-name', '-updated_at,name']) {
        const seen: string[] = [];
        let cursor = '';
        do {
          const listed = await list(tenant.reader, `/v1/ui/documents?limit=2&sort=${sort}${cursor}`);
          seen.push(...ids(listed));
          expect(listed.page.has_more).toBe(listed.page.next_cursor !== null);
          cursor = listed.page.next_cursor === null ? '' : `&cursor=${listed.page.next_cursor}`;
        } while (cursor !== '');
        expect([sort, seen.toSorted()]).toEqual([sort, ['doc-0', 'doc-1', 'doc-2', 'doc-3', 'doc-4', 'empty-one']]);
      }
    });

    it('take a cursor only for the list that it was made for', async () => {
      const { page } = await list(tenant.reader, '/v1/ui/documents?limit=2&q=doc');
      const cursor = page.next_cursor ?? '';
      const [payload = '', mac = ''] = cursor.split('.');
      const forged = Buffer.from(
        Buffer.from(payload, 'base64url').toString().replace(tenant.tenantId, other.tenantId),
      ).toString('base64url');
      const ask = (client: TestClient, path: string, with_ = cursor) => client.get(`${path}&cursor=${with_}`);
      expect((await ask(tenant.reader, '/v1/ui/documents?limit=3&q=doc')).status).toBe(200);
      const refused = [
        await ask(tenant.reader, '/v1/ui/documents?limit=2&q=do'),
        await ask(tenant.reader, '/v1/ui/documents?limit=2'),
        await ask(tenant.reader, '/v1/ui/documents?limit=2&q=doc&status=succeeded'),
        await ask(tenant.reader, '/v1/ui/documents?limit=2&q=doc&created_from=2020-01-01T00:00:00Z'),
        await ask(tenant.reader, '/v1/ui/documents?limit=2&q=doc&sort=name'),
        await ask(tenant.admin, '/v1/ui/activity?limit=2&q=doc'),
        await ask(other.reader, '/v1/ui/documents?limit=2&q=doc'),
        await ask(other.reader, '/v1/ui/documents?limit=2&q=doc', `${forged}.${mac}`),
        await ask(tenant.reader, '/v1/ui/documents?limit=2&q=doc', `${payload}.${'0'.repeat(64)}`),
        await ask(tenant.reader, '/v1/ui/documents?limit=2&q=doc', 'nonsense'),
      ];
      expect(refused.map(({ status, code }) => [status, code])).toEqual(refused.map(() => [400, 'INVALID_CURSOR']));
    });

    it('are counted by status over all that the other filters leave, not over the page', async () => {
      const listed = await list(tenant.reader, '/v1/ui/documents?limit=1&status=failed');
      expect(listed.items).toEqual([]);
      expect(listed.facets['status']).toEqual([{ value: 'succeeded', count: 6 }]);
      const searched = await list(tenant.reader, '/v1/ui/documents?limit=1&q=true');
      expect(searched.facets['status']).toEqual([{ value: 'succeeded', count: 2 }]);
    });

    it('are filtered by instants, both included', async () => {
      const { items } = await list(tenant.reader, '/v1/ui/documents?q=doc-2');
      const { created_at } = items[0] as unknown as { created_at: string };
      const path = `/v1/ui/documents?created_from=${created_at}&created_to=${created_at}`;
      expect(ids(await list(tenant.reader, path))).toEqual(['doc-2']);
      expect((await tenant.reader.get('/v1/ui/documents?created_to=9999-12-31T23:59:59.999Z')).status).toBe(200);
    });
  });

  describe('its activity', () => {
    it('is what happened, newest first, with event types counted without their own filter, the most frequent first', async () => {
      const listed = await list(tenant.admin, '/v1/ui/activity?event_type=documents.ingest.enqueued&limit=2');
      expect(listed.items.map(({ event_type }) => event_type)).toEqual(
        Array.from({ length: 2 }, () => 'documents.ingest.enqueued'),
      );
      const counts = listed.facets['event_type'] ?? [];
      expect(counts).toContainEqual({ value: 'corpora.created', count: 1 });
      expect(counts).toContainEqual({ value: 'documents.ingest.succeeded', count: 6 });
      expect(counts.map(({ count }) => count)).toEqual(counts.map(({ count }) => count).toSorted((a, b) => b - a));
    });

    it('is searched and sorted, by the names that clients use', async () => {
      const listed = await list(tenant.admin, '/v1/ui/activity?q=DOC-3&sort=created_at&limit=100');
      const types = listed.items.map(({ event_type }) => event_type);
      expect(types.filter((type) => type.startsWith('documents.'))).toEqual([
        'documents.ingest.enqueued',
        'documents.ingest.started',
        'documents.ingest.succeeded',
      ]);
      expect((await tenant.admin.get('/v1/ui/activity?sort=actor_id')).code).toBe('BAD_REQUEST');
      expect((await list(tenant.admin, '/v1/ui/activity?q=theirs')).items).toEqual([]);
    });

    it('tells who came and who was refused, beside what changed', async () => {
      expect((await tenant.editor.get('/v1/ui/activity')).status).toBe(403);
      await until('the refusal is shown', async () => {
        const { items } = await list(tenant.admin, '/v1/ui/activity?event_type=rbac.forbidden');
        return items.length > 0;
      });
      const { items, facets } = await list(tenant.admin, '/v1/ui/activity?sort=outcome,-occurred_at&limit=1');
      expect(items[0]).toMatchObject({ event_type: 'rbac.forbidden', outcome: 'failure' });
      expect(facets['event_type']?.map(({ value }) => value)).toEqual(
        expect.arrayContaining(['auth.access.success', 'rbac.forbidden', 'corpora.created']),
      );
    });
  });

  describe('its first page', () => {
    it('shows every day of the window up to today, with the requests of now', async () => {
      const { status, data } = await tenant.admin.get('/v1/ui/dashboard/summary?window_days=7');
      expect(status).toBe(200);
      const { cards, charts, alerts } = data as {
        cards: readonly { id: string; value: string }[];
        charts: { requests: { points: readonly { ts: string; value: number }[] } };
        alerts: readonly { id: string }[];
      };
      expect(cards.map(({ id }) => id)).toEqual(['requests', 'quota_day', 'quota_month', 'rate_limits']);
      expect(cards.every(({ value }) => typeof value === 'string')).toBe(true);
      const { points } = charts.requests;
      const today = Date.parse(new Date().toISOString().slice(0, 10));
      const days = Array.from({ length: 7 }, (_, at) => new Date(today - (6 - at) * 86_400_000).toISOString());
      expect(points.map(({ ts }) => ts)).toEqual(days.map((day) => day.slice(0, 10)));
      expect(points.slice(0, -1).every(({ value }) => value === 0)).toBe(true);
      expect(points.at(-1)?.value).toBeGreaterThan(10);
      expect(cards[0]?.value).toBe(String(points.at(-1)?.value));
      expect(alerts.map(({ id }) => id)).toEqual(expect.arrayContaining(['audit-0', 'audit-4']));
    });

    it('takes windows of 1 to 90 days', async () => {
      for (const days of [1, 90]) {
        const { data } = await tenant.admin.get(`/v1/ui/dashboard/summary?window_days=${days}`);
        const { charts } = data as { charts: { requests: { points: readonly unknown[] } } };
        expect(charts.requests.points).toHaveLength(days);
      }
      for (const days of ['0', '91', 'x'])
        expect((await tenant.admin.get(`/v1/ui/dashboard/summary?window_days=${days}`)).status).toBe(422);
    });
  });

  describe('its actions', () => {
    const path = '/v1/ui/actions/reindex-document';
    const reindex = (document_id: string, more: object = {}, headers: Record<string, string> = {}) =>
      tenant.editor.post(path, { document_id, ...more }, headers);
    interface Accepted {
      readonly action_id: string;
    }

    it('reindex a document, and the action log tells how that ended', async () => {
      const accepted = await reindex('doc-0');
      expect(accepted.status).toBe(202);
      const { action_id } = accepted.data as Accepted;
      expect(accepted.data).toMatchObject({
        status: 'accepted',
        optimistic: { entity: 'document', id: 'doc-0', patch: { status: 'queued' } },
        poll_url: '/v1/documents/doc-0',
      });
      const document = await ingested(tenant.reader, 'doc-0');
      expect(document).toMatchObject({ last_job_id: action_id, last_reindexed_at: expect.any(String) as string });
      await until('the action has ended', async () => {
        const { data } = await tenant.reader.get(`/v1/ui/actions/${action_id}`);
        return (data as { status: string }).status === 'completed';
      });
      const { data } = await tenant.reader.get('/v1/ui/actions?status=completed&document_id=doc-0');
      expect(data).toEqual([
        expect.objectContaining({
          action_id,
          action_type: 'documents.reindex',
          finished_at: expect.any(String) as string,
        }),
      ]);
    });

    it('do not list what was reindexed through another door', async () => {
      expect((await tenant.editor.post('/v1/documents/doc-1/reindex', {})).status).toBe(202);
      await ingested(tenant.reader, 'doc-1');
      expect((await tenant.reader.get('/v1/ui/actions?document_id=doc-1')).data).toEqual([]);
    });

    it('take the key of the body before that of the header, and refuse a blank one', async () => {
      const header = { 'idempotency-key': 'of-the-header' };
      const first = await reindex('doc-2', { idempotency_key: 'of-the-body' }, header);
      await ingested(tenant.reader, 'doc-2');
      const again = await reindex('doc-2', { idempotency_key: 'of-the-body' }, { 'idempotency-key': 'another' });
      expect([again.status, again.text]).toEqual([first.status, first.text]);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
      expect((await reindex('doc-3', { idempotency_key: 'of-the-body' })).code).toBe('IDEMPOTENCY_KEY_CONFLICT');
      const blank = await reindex('doc-3', { idempotency_key: '  ' });
      expect([blank.status, blank.code]).toEqual([400, 'IDEMPOTENCY_KEY_INVALID']);
      expect((await reindex('doc-3', { idempotency_key: 'x'.repeat(129) })).status).toBe(422);
    });

    it('are refused as reindexing is: unknown, in progress, and while ingestion is switched off', async () => {
      const unknown = await reindex('nothing');
      expect([unknown.status, unknown.code]).toEqual([404, 'NOT_FOUND']);
      expect((await reindex('theirs')).status).toBe(404);
      const [one, two] = await Promise.all([reindex('doc-3'), reindex('doc-3')]);
      expect([one.status, two.status].toSorted()).toEqual([202, 409]);
      expect([one.code, two.code]).toContain('ACTION_CONFLICT');
      await ingested(tenant.reader, 'doc-3');
      const switches = (on: boolean | null) => ({ kill_switches: { 'kill.ingest': on } });
      expect((await tenant.admin.patch('/v1/admin/rollouts/killswitches', switches(true))).status).toBe(200);
      const killed = await reindex('doc-4');
      const direct = await tenant.editor.post('/v1/documents/doc-4/reindex', {});
      expect([killed.status, killed.code]).toEqual([direct.status, direct.code]);
      expect(killed.status).toBe(503);
      expect((await tenant.reader.get('/v1/ui/actions?document_id=doc-4')).data).toEqual([]);
      await tenant.admin.patch('/v1/admin/rollouts/killswitches', switches(null));
    });

    it('leave the action log when retention removes them, and count only when that is asked', async () => {
      const { readModels: models, path: commands } = server.platform;
      const before = new Date(Date.now() + 60_000).toISOString();
      const count = () => models.for(uiActionRows).count(tenant.tenantId);
      const known = await count();
      expect(known).toBeGreaterThan(0);
      const parts = { models, path: commands, before, tenantId: tenant.tenantId };
      expect(await forgetActions({ ...parts, dryRun: true })).toBe(known);
      expect(await count()).toBe(known);
      expect(await forgetActions({ ...parts, before: '2020-01-01T00:00:00.000Z' })).toBe(0);
      expect(await forgetActions(parts)).toBe(known);
      await until('the actions are gone', async () => (await count()) === 0);
    });
  });

  describe('who may', () => {
    const reads = ['bootstrap', 'documents', 'actions'];
    const adminReads = ['dashboard/summary', 'activity'];

    it('nobody without a key: 401', async () => {
      for (const path of [...reads, ...adminReads])
        expect((await server.anonymous.get(`/v1/ui/${path}`)).status).toBe(401);
    });

    it('only admins see what happened, and only editors act: 403', async () => {
      for (const path of adminReads) {
        expect((await tenant.editor.get(`/v1/ui/${path}`)).status).toBe(403);
        expect((await tenant.admin.get(`/v1/ui/${path}`)).status).toBe(200);
      }
      const action = await tenant.reader.post('/v1/ui/actions/reindex-document', { document_id: 'doc-0' });
      expect(action.status).toBe(403);
    });

    it('another tenant does not find an action: 404', async () => {
      const { data } = await other.editor.post('/v1/ui/actions/reindex-document', { document_id: 'theirs' });
      const { action_id } = data as { action_id: string };
      expect((await other.reader.get(`/v1/ui/actions/${action_id}`)).status).toBe(200);
      expect((await tenant.reader.get(`/v1/ui/actions/${action_id}`)).status).toBe(404);
    });

    it('what happened is shown only to plans that include it', async () => {
      const free = await server.tenant({ plan: 'free' });
      for (const path of adminReads) {
        const refused = await free.admin.get(`/v1/ui/${path}`);
        expect([refused.status, refused.code]).toEqual([403, 'FEATURE_NOT_ENABLED']);
      }
      const { data } = await free.reader.get('/v1/ui/bootstrap');
      expect(data).toMatchObject({ plan: { plan_id: 'free' }, feature_flags: { audit_access: false } });
    });
  });
});
