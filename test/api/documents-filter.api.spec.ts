import { aCorpus, aDocument, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';

describe('documents that a filter holds for', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer();
    tenant = await server.tenant();
    await aCorpus(tenant);
    const add = (document_id: string, metadata_json: object) =>
      aDocument(tenant, `The kettle of ${document_id}.`, { document_id, filename: `${document_id}.md`, metadata_json });
    await add('old', { year: 1990, tags: ['tea', 'brass'], labels: { team: 'kitchen' } });
    await add('new', { year: 2024, tags: ['steel'], labels: { team: 'garden' } });
    await add('bare', {});
  });
  afterAll(() => server.stop());

  const list = async (filter: unknown, more = ''): Promise<unknown> => {
    const text = typeof filter === 'string' ? filter : JSON.stringify(filter);
    const answer = await tenant.reader.get(`/v1/documents?corpus_id=c1&filter=${encodeURIComponent(text)}${more}`);
    if (answer.status !== 200) return answer.code;
    return (answer.data as { id: string }[]).map(({ id }) => id);
  };

  it.each([
    [{ gt: ['metadata.year', 2000] }, ['new']],
    [{ not: { gt: ['metadata.year', 2000] } }, ['old', 'bare']],
    [{ eq: ['metadata.tags', 'tea'] }, ['old']],
    [{ in: ['labels.team', ['kitchen', 'garden']] }, ['old', 'new']],
    [{ ne: ['labels.team', 'kitchen'] }, ['new', 'bare']],
    [{ or: [{ eq: ['document_id', 'bare'] }, { eq: ['filename', 'new.md'] }] }, ['new', 'bare']],
    [{ and: [{ exists: 'metadata.year' }, { lte: ['created_at', '2999-01-01'] }] }, ['old', 'new']],
    [{ eq: ['content_type', 'text/plain'] }, ['old', 'new', 'bare']],
    [{}, ['old', 'new', 'bare']],
  ])('are listed for %j', async (filter, ids) => {
    expect(await list(filter)).toEqual(ids);
  });

  it('are paged by cursors that fit no other filter', async () => {
    const filter = encodeURIComponent(JSON.stringify({ exists: 'metadata.year' }));
    const page = async (query: string) => tenant.reader.get(`/v1/documents?limit=1&${query}`);
    const first = await page(`filter=${filter}`);
    expect(first.data).toMatchObject([{ id: 'old' }]);
    const { next_cursor: cursor } = (first.body as { meta: { page: { next_cursor: string } } }).meta.page;
    const second = await page(`filter=${filter}&cursor=${cursor}`);
    expect(second.data).toMatchObject([{ id: 'new' }]);
    expect(await page(`cursor=${cursor}`)).toMatchObject({ status: 400, code: 'INVALID_CURSOR' });
  });

  it.each([
    ['not json', 'FILTER_INVALID'],
    ['[]', 'FILTER_INVALID'],
    ['{"eq":["metadata.a","\\u0000"]}', 'FILTER_INVALID'],
    [{ eq: ['tenant_id', 'hunter2'] }, 'FILTER_INVALID'],
    [{ in: ['metadata.a', Array.from({ length: 201 }, () => 1)] }, 'FILTER_TOO_COMPLEX'],
    ['{"not":'.repeat(9) + '{"exists":"metadata.a"}' + '}'.repeat(9), 'FILTER_TOO_COMPLEX'],
  ])('are refused for %j', async (filter, code) => {
    expect(await list(filter)).toBe(code);
  });
});
