import { operations } from '#cli/operations/operations.js';
import type { OperationContext } from '#cli/operations/operation.js';
import type { DriftItem } from '#cli/operations/search-index.js';
import { idFor } from '#infra/commands/ids.js';
import type { DriftFigures } from '#infra/retrieval/drift.js';
import {
  aCorpus,
  aDocument,
  eventsOf,
  openTestServer,
  type TestServer,
  type TestTenant,
} from '#test/support/server.js';
import { until } from '#test/support/until.js';

type Item = Partial<DriftItem & { readonly result: DriftFigures }>;

describe('the verification of the index', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
    await aCorpus(tenant);
    for (const id of ['a', 'b', 'c']) await aDocument(tenant, `The ${id} kettle is green.`, { document_id: id });
  });

  const verify = async (args: object = {}): Promise<{ drift: DriftItem['drift'][]; figures: DriftFigures }> => {
    const context = { platform: server.platform, signal: AbortSignal.timeout(60_000) } as OperationContext;
    const drift: DriftItem['drift'][] = [];
    let figures: DriftFigures | undefined;
    const operation = operations['index.verify'];
    if (operation === undefined) throw new Error('there is no such operation');
    for await (const item of operation(context, { tenant: tenant.tenantId, ...args })) {
      const { drift: found, result } = item as unknown as Item;
      if (found !== undefined) drift.push(found);
      figures = result ?? figures;
    }
    if (figures === undefined) throw new Error('it gave no figures');
    return { drift, figures };
  };
  const damage = (text: string, documentId: string): Promise<unknown> =>
    server.platform.database.execute(text, [tenant.tenantId, idFor('documents', tenant.tenantId, documentId)]);
  const versionOf = '(select version_no from retrieval.version where tenant_id = $1 and document_id = $2)';
  const kinds = async (args: object = {}) =>
    (await verify(args)).drift.map(({ kind, documentId }) => [kind, documentId]);
  const mended = async (): Promise<void> => {
    await until('nothing differs any more', async () => (await verify()).drift.length === 0);
    const asked = await tenant.reader.post('/v1/search', { corpus_id: 'c1', query: 'kettle' });
    const { passages } = asked.data as { passages: { document_id: string }[] };
    expect(passages.map(({ document_id }) => document_id).sort()).toEqual(['a', 'b', 'c']);
  };

  it('finds nothing in an index that nobody touched', async () => {
    expect(await verify()).toEqual({ drift: [], figures: { documents: 3, versions: 3, chunks: 3 } });
  });

  it.each([
    ['version_missing', 'delete from retrieval.version where tenant_id = $1 and document_id = $2'],
    ['chunks_differ', 'update retrieval.version set chunk_count = 7 where tenant_id = $1 and document_id = $2'],
    ['vectors_missing', `delete from retrieval.space_1 where version_no = ${versionOf}`],
    ['postings_missing', `delete from retrieval.posting_bucket where ${versionOf} = any(versions)`],
    ['postings_missing', `delete from retrieval.version_terms where version_no = ${versionOf}`],
  ])('finds %s, and has the document ingested anew', async (kind, text) => {
    await damage(text, 'b');
    expect(await kinds()).toEqual([[kind, 'b']]);
    const { drift } = await verify({ repair: true });
    expect(drift).toMatchObject([{ kind, documentId: 'b', repair: 'queued' }]);
    await mended();
  });

  it('finds chunks that are gone by each way in which they are missed, and queues their document once', async () => {
    await damage(`delete from retrieval.chunk where version_no = ${versionOf}`, 'c');
    const { drift } = await verify({ repair: true });
    expect(drift).toMatchObject([
      { kind: 'chunks_differ', expected: 1, found: 0, repair: 'queued' },
      { kind: 'vectors_missing', expected: 0, found: 1, repair: 'queued' },
    ]);
    await mended();
    const stream = `documents-${tenant.tenantId}.${idFor('documents', tenant.tenantId, 'c')}`;
    const types = (await eventsOf(server.platform, stream)).map(({ type }) => type);
    expect(types.filter((type) => type === 'DocumentReindexRequested')).toHaveLength(1);
  });

  it('finds versions and postings that no document names, and removes them; those under way are left', async () => {
    const orphan = `insert into retrieval.version (tenant_id, document_id, version_id, scope_no, chunk_count, term_count, written_at)
      select tenant_id, document_id, 'orphan', scope_no, 1, 1, now() - make_interval(hours => AGE)
        from retrieval.version where tenant_id = $1 and document_id = $2`;
    await damage(orphan.replace('AGE', '0'), 'a');
    await damage(orphan.replace('AGE', '2'), 'b');
    expect(await kinds()).toEqual([['version_orphaned', 'b']]);
    expect((await verify({ repair: true })).drift).toMatchObject([{ kind: 'version_orphaned', repair: 'removed' }]);
    expect(await kinds()).toEqual([]);

    const everywhere = { tenant: '' };
    await verify({ ...everywhere, repair: true });
    await damage('delete from retrieval.version where tenant_id = $1 and document_id = $2', 'c');
    expect(await kinds(everywhere)).toEqual([
      ['version_missing', 'c'],
      ['postings_orphaned', null],
    ]);
    expect((await verify({ ...everywhere, repair: true })).drift).toMatchObject([
      { kind: 'version_missing', repair: 'queued' },
      { kind: 'postings_orphaned', repair: 'removed' },
    ]);
    await until('nothing differs any more', async () => (await kinds(everywhere)).length === 0);
    const left = await server.platform.database.query(
      `select 1 from retrieval.posting_bucket b, unnest(b.versions) u(version_no)
        where not exists (select 1 from retrieval.version v where v.version_no = u.version_no)`,
    );
    expect(left).toEqual([]);
  });

  it('looks only at the corpus that is named, and at as many pages as there are', async () => {
    await aCorpus(tenant, 'other');
    await damage('delete from retrieval.version where tenant_id = $1 and document_id = $2', 'a');
    expect(await verify({ corpus: 'other' })).toMatchObject({ drift: [], figures: { documents: 0 } });
    expect(await kinds({ corpus: 'c1' })).toEqual([['version_missing', 'a']]);
    const many = Array.from({ length: 230 }, (_, at) => `m${at}`);
    for (const id of many)
      await tenant.editor.post('/v1/documents/text', { corpus_id: 'other', document_id: id, text: `Kettle ${id}.` });
    await until('all are ingested', async () => (await verify({ corpus: 'other' })).figures.documents === many.length);
    for (const id of [many[3], many[215]])
      await damage('delete from retrieval.version where tenant_id = $1 and document_id = $2', id ?? '');
    expect((await kinds({ corpus: 'other' })).map(([, id]) => id).sort()).toEqual(['m215', 'm3']);
  });
});
