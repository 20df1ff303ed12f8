import { aCorpus, ingested, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { aPolicy, byPolicy, cited, listed, POLICIES } from '#test/support/authorization.js';
import { until } from '#test/support/until.js';

const BROKEN = { type: 'application/pdf', text: '%PDF-1.7 and nothing more', name: 'clean.pdf' };

let server: TestServer;
let tenant: TestTenant;

beforeAll(async () => {
  server = await openTestServer();
});
afterAll(() => server.stop());
beforeEach(async () => {
  tenant = await server.tenant();
  await aCorpus(tenant);
});

/** Hands in what cannot be indexed, and waits until that is known. */
async function fails(id: string, fields: Record<string, string>): Promise<void> {
  const form = { corpus_id: 'c1', document_id: id, overwrite: 'true', ...fields };
  expect((await tenant.editor.upload('/v1/documents', form, BROKEN)).status).toBe(202);
  expect((await ingested(tenant.editor, id))['status']).toBe('failed');
}

const add = async (id: string, more: object): Promise<void> => {
  const body = { corpus_id: 'c1', document_id: id, text: 'The kettle is vermilion.', ...more };
  expect((await tenant.editor.post('/v1/documents/text', { ...body, overwrite: true })).status).toBe(202);
  expect((await ingested(tenant.editor, id))['status']).toBe('succeeded');
};

/** Readers may not read where something is so. */
const denyReaders = (field: string, value: unknown): Promise<unknown> =>
  aPolicy(tenant, {
    condition_json: { all: [{ eq: [{ var: 'principal.role' }, 'reader'] }, { eq: [{ var: field }, value] }] },
  });

async function isHidden(id: string): Promise<void> {
  expect(await tenant.reader.get(`/v1/documents/${id}`)).toMatchObject(byPolicy);
  expect(await tenant.reader.get(`/v1/documents/${id}/chunks`)).toMatchObject(byPolicy);
  expect(await listed(tenant.reader)).toEqual([]);
  expect(await cited(tenant.reader)).not.toContain('vermilion');
}

async function isShown(id: string): Promise<void> {
  expect((await tenant.reader.get(`/v1/documents/${id}`)).status).toBe(200);
  expect(await listed(tenant.reader)).toEqual([id]);
  expect(await cited(tenant.reader)).toContain('vermilion');
}

describe('a document that is being replaced', () => {
  it('keeps the labels of what answers until something else does, beside its new ones', async () => {
    await denyReaders('resource.labels.class', 'secret');
    await add('d', { metadata_json: { labels: { class: 'secret' } } });
    await isHidden('d');
    await fails('d', { labels: '{"class":"public"}' });
    await isHidden('d');
    const reading = {
      resource_type: 'document',
      action: 'read',
      resource_id: 'd',
      principal: { id: 'r', role: 'reader' },
    };
    expect((await tenant.admin.post('/v1/admin/authz/evaluate', reading)).data).toMatchObject({
      ...{ allowed: false, reason: 'policy_deny' },
    });
    expect(await cited(tenant.editor)).toContain('vermilion');
    await fails('d', { labels: '{"class":"public"}' });
    await isHidden('d');
    await add('d', { metadata_json: { labels: { class: 'public' } } });
    await isShown('d');
    await fails('d', { labels: '{"class":"secret"}' });
    await isHidden('d');
    expect((await tenant.editor.patch('/v1/documents/d', { labels: { class: 'public' } })).status).toBe(200);
    await isShown('d');
  });

  it('has its labels for good where nothing is said of any', async () => {
    await denyReaders('resource.labels.class', 'secret');
    await add('d', { metadata_json: { labels: { class: 'secret' } } });
    await add('d', { text: 'The kettle is vermilion and old.' });
    await fails('d', {});
    expect((await tenant.editor.get('/v1/documents/d')).data).toMatchObject({ labels: { class: 'secret' } });
    await isHidden('d');
    await add('d', { labels: {} });
    await isShown('d');
  });

  it('keeps the metadata and the type of what answers, too', async () => {
    await denyReaders('resource.metadata.secret', true);
    await add('d', { metadata_json: { secret: true } });
    await isHidden('d');
    await fails('d', { metadata_json: '{"secret":false}' });
    await isHidden('d');
    await add('d', { metadata_json: { secret: false } });
    await isShown('d');
    await denyReaders('resource.content_type', 'text/plain');
    await isHidden('d');
    await fails('d', { metadata_json: '{"secret":false}' });
    await isHidden('d');
  });
});

describe('policies on metadata', () => {
  beforeEach(() => denyReaders('resource.metadata.secret', true));

  it('hold from when a document is handed in, whether it can be indexed or not', async () => {
    await fails('d', { metadata_json: '{"secret":true}' });
    await isHidden('d');
    expect((await tenant.editor.patch('/v1/documents/d', { metadata_json: { secret: false } })).status).toBe(200);
    expect((await tenant.reader.get('/v1/documents/d')).status).toBe(200);
  });

  it('hold at once when it is changed, and after the metadata that was replaced is gone', async () => {
    await add('d', { metadata_json: { secret: false } });
    await isShown('d');
    expect((await tenant.editor.patch('/v1/documents/d', { metadata_json: { secret: true } })).status).toBe(200);
    await isHidden('d');
    const { database } = server.platform;
    const kept = () =>
      database.query('select metadata from content.description where tenant_id = $1', [tenant.tenantId]);
    await until('the former metadata is gone', async () => (await kept()).length === 1);
    expect(await kept()).toEqual([{ metadata: { secret: true } }]);
    await isHidden('d');
    expect((await tenant.editor.patch('/v1/documents/d', { metadata_json: null })).status).toBe(200);
    await isShown('d');
    await until('nothing is kept of what is not said any more', async () => (await kept()).length === 0);
  });

  it('are asked of a document from before metadata were kept for them by what lies beside its chunks', async () => {
    await add('d', { metadata_json: { secret: true } });
    await server.platform.database.execute('delete from content.description where tenant_id = $1', [tenant.tenantId]);
    await isHidden('d');
  });
});

describe('a change of what is said of a document', () => {
  it('takes effect and is answered, or is refused and changes nothing', async () => {
    const forAll = { eq: [{ var: 'resource.labels.class' }, 'secret'] };
    const { id: policy } = await aPolicy(tenant, { condition_json: forAll });
    await add('d', { metadata_json: { labels: { class: 'open' } } });
    expect(await tenant.editor.patch('/v1/documents/d', { labels: { class: 'secret' } })).toMatchObject({
      ...{ status: 200, data: { labels: { class: 'secret' } } },
    });
    expect(await tenant.editor.get('/v1/documents/d')).toMatchObject(byPolicy);
    expect(await tenant.editor.patch('/v1/documents/d', { labels: { class: 'open' } })).toMatchObject(byPolicy);
    expect((await tenant.admin.delete(`${POLICIES}/${policy}`)).status).toBe(204);
    expect((await tenant.editor.get('/v1/documents/d')).data).toMatchObject({ labels: { class: 'secret' } });
  });

  it('is refused where the document could not be handed in as it would be', async () => {
    await aPolicy(tenant, { action: 'write', condition_json: { eq: [{ var: 'resource.labels.class' }, 'public'] } });
    await aPolicy(tenant, { action: 'write', condition_json: { eq: [{ var: 'resource.metadata.level' }, 'gold'] } });
    await add('d', { metadata_json: { level: 'iron', labels: { class: 'secret' } } });
    for (const change of [{ labels: { class: 'public' } }, { metadata_json: { level: 'gold' } }])
      expect(await tenant.editor.patch('/v1/documents/d', change)).toMatchObject(byPolicy);
    expect((await tenant.reader.get('/v1/documents/d')).data).toMatchObject({
      ...{ labels: { class: 'secret' }, metadata_json: { level: 'iron' } },
    });
    expect((await tenant.editor.patch('/v1/documents/d', { labels: { class: 'inner' } })).status).toBe(200);
    // What was said already counts with what is said anew.
    await aPolicy(tenant, {
      action: 'write',
      condition_json: {
        all: [{ eq: [{ var: 'resource.metadata.level' }, 'iron'] }, { eq: [{ var: 'resource.labels.class' }, 'open'] }],
      },
    });
    expect(await tenant.editor.patch('/v1/documents/d', { labels: { class: 'open' } })).toMatchObject(byPolicy);
  });
});
