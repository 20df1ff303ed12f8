import { pdf, types } from '#test/support/files.js';
import {
  aCorpus,
  aDocument,
  ingested,
  openTestServer,
  type TestServer,
  type TestTenant,
} from '#test/support/server.js';

const pages = [
  'The samovar is made of copper.',
  'The teapot is made of porcelain.',
  'The kettle is made of steel.',
] as const;

interface Paged {
  readonly id: string;
  readonly page_start: number | null;
  readonly page_end: number | null;
}

describe('a document with pages', () => {
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

  const add = async (): Promise<void> => {
    const form = { corpus_id: 'c1', document_id: 'doc-1' };
    const file = { type: types.pdf, bytes: pdf(pages), name: 'things.pdf' };
    expect((await tenant.editor.upload('/v1/documents', form, file)).status).toBe(202);
    expect(await ingested(tenant.reader, 'doc-1')).toMatchObject({ status: 'succeeded' });
  };
  const ask = async (message: string, session = 's1') => {
    const answer = await tenant.reader.ask({ session_id: session, corpus_id: 'c1', message });
    const final = answer.frames.find(({ type }) => type === 'message.final');
    return final?.data['citations'] as (Paged & { readonly quote: string })[];
  };

  it('is cited by the page that holds the quote, though all its pages are one chunk', async () => {
    await add();
    for (const [at, thing] of ['samovar', 'teapot', 'kettle'].entries()) {
      const [best] = await ask(`What is the ${thing} made of?`, `s${at}`);
      expect(best).toMatchObject({ quote: pages[at], page_start: at + 1, page_end: at + 1 });
    }
  });

  it('keeps its pages in what is found, in its chunks, in messages and in the sources of runs', async () => {
    await add();
    await ask('What is the kettle made of?');
    const found = await tenant.reader.post('/v1/search', { corpus_id: 'c1', query: 'kettle' });
    expect(found.data).toMatchObject({ passages: [{ page_start: 1, page_end: 3 }] });
    const chunks = (await tenant.reader.get('/v1/documents/doc-1/chunks')).data as Paged[];
    expect(chunks).toMatchObject([{ page_start: 1, page_end: 3 }]);
    const chunk = await tenant.reader.get(`/v1/documents/doc-1/chunks/${chunks[0]?.id ?? ''}`);
    expect(chunk.data).toMatchObject({ page_start: 1, page_end: 3 });
    const [run] = (await tenant.reader.get('/v1/runs')).data as Paged[];
    const cited = { citations: [3, 1, 2].map((page) => ({ page_start: page, page_end: page })) };
    expect((await tenant.reader.get(`/v1/runs/${run?.id ?? ''}`)).data).toMatchObject(cited);
    const [session] = (await tenant.reader.get('/v1/sessions')).data as Paged[];
    const messages = (await tenant.reader.get(`/v1/sessions/${session?.id ?? ''}/messages`)).data;
    expect(messages).toMatchObject([{ role: 'user' }, { role: 'assistant', ...cited }]);
  });

  it('has none where its format has none', async () => {
    await aDocument(tenant, 'The ladle is made of tin.');
    expect(await ask('What is the ladle made of?')).toMatchObject([{ page_start: null, page_end: null }]);
    const found = await tenant.reader.post('/v1/search', { corpus_id: 'c1', query: 'ladle' });
    expect(found.data).toMatchObject({ passages: [{ page_start: null, page_end: null }] });
  });
});
