import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import { until } from '#test/support/until.js';
import { Cli, embedded } from './support.js';

const COUNT = 60;
const ids = Array.from({ length: COUNT }, (_, at) => `doc-${at}`);

/** Many words, so that an ingestion takes long enough to be killed within. */
const textOf = (id: string): string =>
  Array.from({ length: 400 }, (_, at) => `${id} word${at % 97} fact${at}`).join(' ');

embedded('a server that is killed in the middle of an ingestion', () => {
  let cli: Cli;

  beforeAll(async () => (cli = await Cli.open()));
  afterAll(() => cli.close());

  async function accepted(): Promise<number> {
    const items = cli.client().operation<unknown[]>('documents.states', { tenant: 't1', ids });
    for await (const states of items) return states.length;
    return 0;
  }

  it('loses and doubles nothing, when it is started again three times', async () => {
    const file = join(cli.folder, 'many.jsonl');
    await writeFile(file, ids.map((id) => `${JSON.stringify({ _id: id, title: id, text: textOf(id) })}\n`).join(''));
    let { server } = await cli.start('--no-seed');
    const adding = cli.spawn('documents', 'add', file, '--concurrency', '2', '--json');
    for (const enough of [8, 24, 40]) {
      await until(`${enough} documents are in`, async () => (await accepted()) >= enough);
      await server.kill();
      ({ server } = await cli.start('--no-seed'));
    }
    const { code, items } = await adding.outcome();
    expect(items).toEqual([expect.objectContaining({ succeeded: COUNT, failed: 0, open: 0, gaveUp: null })]);
    expect(code).toBe(0);
    const again = await cli.run('documents', 'add', file, '--json');
    expect(again.items).toEqual([expect.objectContaining({ submitted: 0, known: COUNT, succeeded: COUNT })]);
    expect((await cli.run('projections', 'verify')).code).toBe(0);
    expect((await cli.run('ledger', 'verify')).code).toBe(0);
    await server.stop();
  }, 300_000);

  it('leaves no chunk without a document, and every event once', async () => {
    const [counts] = await cli.behind((database) =>
      database.query(`select
        (select count(*)::int from retrieval.version v where not exists (select 1 from read.documents_v${documentRows.version} d
          where d.tenant_id = v.tenant_id and d.id = v.document_id and d.index_version = v.version_id)) as orphans,
        (select count(*)::int from retrieval.chunk) - (select sum(num_chunks)::int from read.documents_v${documentRows.version}) as chunks,
        (select count(*)::int from log.event where type = 'DocumentSubmitted') as submitted,
        (select count(*)::int from log.event where type = 'DocumentIndexed') as indexed`),
    );
    expect(counts).toEqual({ orphans: 0, chunks: 0, submitted: COUNT, indexed: COUNT });
  });
});
