import { hostileFiles } from '#test/support/hostile-files.js';
import { docx, pdf, pptx, types, wordParagraph, xlsx } from '#test/support/files.js';
import { aCorpus, ingested, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';

/** A thread gets less here than an installation would give it, so that what it must not pass is small to make. */
const limits = { INGEST_PARSE_MEMORY_MB: '192', INGEST_PARSE_TIMEOUT_SECONDS: '60', INGEST_MAX_RETRIES: '0' };

describe('a file that was made to break its reader', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer(limits);
    tenant = await server.tenant();
    await aCorpus(tenant);
  });
  afterAll(() => server.stop());

  const files = hostileFiles();
  let number = 0;

  it.each(files.map((file) => [file.what, file.ends[1], file] as const))('is %s: %s', async (_, __, file) => {
    const { name, type, bytes, ends } = file;
    number += 1;
    const document_id = `hostile-${number}`;
    const answer = await tenant.editor.upload('/v1/documents', { corpus_id: 'c1', document_id }, { name, type, bytes });
    if (ends[0] === 'refused') {
      expect(answer).toMatchObject({ status: ends[1] === 'UNSUPPORTED_MEDIA_TYPE' ? 415 : 422, code: ends[1] });
      expect((await tenant.reader.get(`/v1/documents/${document_id}`)).status).toBe(404);
      return;
    }
    expect(answer.status).toBe(202);
    const document = await ingested(tenant.reader, document_id);
    expect(document).toMatchObject({ status: 'failed', failure_code: ends[1], num_chunks: null });
    expect(document['failure_reason']).toMatch(/^\w.{10,}/u);
  });

  it('is one of forty at least', () => {
    expect(files.length).toBeGreaterThanOrEqual(40);
  });

  it('leaves nothing in the index, and no thread behind', async () => {
    const { database } = server.platform;
    const [row] = await database.query<{ versions: number }>('select count(*)::int as versions from retrieval.version');
    expect(row?.versions).toBe(0);
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'MessagePort')).toEqual([]);
  });

  it.each([
    ['a PDF', 'good.pdf', types.pdf, pdf(['The samovar is copper.', 'It stands on page two.'])],
    [
      'a Word document',
      'good.docx',
      types.docx,
      docx(wordParagraph('Care', 1) + wordParagraph('The samovar is copper.')),
    ],
    [
      'a workbook',
      'good.xlsx',
      types.xlsx,
      xlsx([
        ['Thing', 'Metal'],
        ['samovar', 'copper'],
      ]),
    ],
    ['slides', 'good.pptx', types.pptx, pptx([['Care', 'The samovar is copper.']])],
    ['a page', 'good.html', types.html, Buffer.from('<title>Care</title><main><p>The samovar is copper.</main>')],
    ['a table', 'good.csv', types.csv, Buffer.from('Thing;Metal\nsamovar;copper\n')],
  ])('does not keep %s from being read after it', async (_, name, type, bytes) => {
    const corpus_id = await aCorpus(tenant, name);
    const answer = await tenant.editor.upload('/v1/documents', { corpus_id, document_id: name }, { name, type, bytes });
    expect(answer.status).toBe(202);
    expect(await ingested(tenant.reader, name)).toMatchObject({ status: 'succeeded', failure_code: null });
    const search = { tenantId: tenant.tenantId, corpusId: corpus_id, query: 'samovar', k: 1 };
    const [found] = await server.platform.search.retrieve(search);
    expect(found?.text).toMatch(/samovar[^.]*copper/u);
  });
});
