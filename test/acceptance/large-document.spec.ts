import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { testEngine } from '#test/support/database.js';
import { eventsIn } from '#test/support/event-log.js';
import { Cluster, tenantAt, type ServerProcess } from '#test/support/processes.js';
import type { TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

// The embedded engine lives in the same process: its memory would be measured too.
const onServers = testEngine === 'postgres' ? describe : describe.skip;

const MB = 1024 * 1024;
const BOUNDARY = 'a-boundary';
const CHUNK = '8000';

/** Text of about so many bytes, in parts of a megabyte; its needles stand at the beginning, in the middle, and at the end. */
function* textOf(bytes: number): Generator<Buffer> {
  const words = ['kettle', 'lamp', 'window', 'river', 'engine', 'paper', 'garden', 'winter'];
  const parts = Math.floor(bytes / MB);
  for (let part = 0; part < parts; part += 1) {
    const needle = { 0: 'beginning', [Math.floor(parts / 2)]: 'middle', [parts - 1]: 'end' }[part];
    // The opening of a document is indexed with each of its chunks.
    let text = part === 0 ? 'A long text about many things.\n\n' : '';
    text += needle === undefined ? '' : `The samovar of the ${needle} is made of copper.\n\n`;
    for (let at = part; text.length < MB - 200; at += 1) {
      const word = (by: number): string => words[(at * by) % words.length] ?? '';
      text += `Paragraph ${at} of part ${part} is about the ${word(1)}, the ${word(3)} and the ${word(5)}.\n\n`;
    }
    yield Buffer.from(text.padEnd(MB));
  }
}

/** Uploads in parts, as slowly as they are taken; `stopAfter` megabytes the connection is cut. */
async function upload(
  at: ServerProcess,
  key: string,
  megabytes: number,
  stopAfter = Infinity,
): Promise<number | 'cut'> {
  const part = (name: string, value: string): string =>
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const head = `${part('corpus_id', 'c1')}${part('document_id', 'large')}${part('chunk_size_chars', CHUNK)}${part('chunk_overlap_chars', '0')}`;
  const file = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="large.txt"\r\nContent-Type: text/plain\r\n\r\n`;
  const headers = { authorization: key, 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };
  const sent = request(`${at.url}/v1/documents`, { method: 'POST', headers });
  const answered = new Promise<number | 'cut'>((resolve) => {
    sent.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', () => resolve('cut'));
  });
  sent.write(head + file);
  let count = 0;
  for (const bytes of textOf(megabytes * MB)) {
    if (count === stopAfter) return (sent.destroy(), answered);
    count += 1;
    if (!sent.write(bytes)) await new Promise((resolve) => sent.once('drain', resolve));
  }
  sent.end(`\r\n--${BOUNDARY}--\r\n`);
  return answered;
}

onServers('a document of 200 MB', () => {
  let cluster: Cluster;
  let server: ServerProcess;
  let tenant: TestTenant;
  beforeAll(async () => {
    cluster = await Cluster.open();
    server = await cluster.start({ roles: 'api,projector' });
    tenant = await tenantAt(server);
  });
  afterAll(() => cluster.close());

  const key = (): string => `Bearer ${tenant.editor.key ?? ''}`;
  const count = async (relation: string): Promise<number | undefined> =>
    (await cluster.test.database.query<{ n: number }>(`select count(*)::int as n from ${relation}`))[0]?.n;

  it('leaves nothing when its upload is cut off', async () => {
    expect(await upload(server, key(), 30, 20)).toBe('cut');
    expect((await tenant.reader.get('/v1/documents/large')).status).toBe(404);
    expect(await count(`content.blob where kind = 'document'`)).toBe(0);
    expect(await count('content.piece')).toBe(0);
  });

  it('is taken in and answers from its beginning, its middle and its end, in memory that does not grow with it', async () => {
    // What a first document loads stays.
    await tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', document_id: 'small', text: 'A small one.' });
    const before = await server.memory();
    expect(await upload(server, key(), 199)).toBe(202);
    let document: Record<string, unknown> = {};
    const shown = new Set<unknown>();
    await until(
      'the document is ingested',
      async () => {
        await delay(500);
        document = (await tenant.reader.get('/v1/documents/large')).data as Record<string, unknown>;
        shown.add((document['progress'] as { stage: string } | null)?.stage);
        return document['status'] === 'succeeded' || document['status'] === 'failed';
      },
      900_000,
    );
    const after = await server.memory();
    expect(document).toMatchObject({ status: 'succeeded', failure_code: null });
    // Of the process the garbage is counted too, and the thread that reads the file.
    expect(after.heap - before.heap).toBeLessThan(150 * MB);
    expect(after.rss - before.rss).toBeLessThan(500 * MB);
    for (const where of ['beginning', 'middle', 'end']) {
      const message = `What is the samovar of the ${where} made of?`;
      const { frames } = await tenant.reader.ask({ session_id: where, corpus_id: 'c1', message });
      const final = frames.find(({ type }) => type === 'message.final');
      expect(final?.data['text']).toContain(`The samovar of the ${where} is made of copper.`);
    }
    const advanced = (await eventsIn(cluster.test, ['DocumentIngestAdvanced'])).map(({ data }) => data);
    expect(advanced.map(({ stage }) => stage)).toEqual([
      'parsed',
      'chunked',
      ...Array.from({ length: 8 }, () => 'embedded'),
    ]);
    const { num_chunks: total } = document;
    expect(advanced.at(-1)).toMatchObject({ done: total, total });
    expect(document['progress']).toEqual({ stage: 'indexed', done: total, total });
    expect([...shown]).toEqual(expect.arrayContaining(['embedded', 'indexed']));
  }, 1_000_000);
});
