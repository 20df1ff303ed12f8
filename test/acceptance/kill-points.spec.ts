import { testEngine } from '#test/support/database.js';
import { eventsIn } from '#test/support/event-log.js';
import { Cluster, tenantAt, type ServerProcess } from '#test/support/processes.js';
import { ingested, type TestTenant } from '#test/support/server.js';
import type { KillPoint } from '#test/support/server-process.js';
import { until } from '#test/support/until.js';

const onServers = testEngine === 'postgres' ? describe : describe.skip;

onServers('a request whose process is killed', () => {
  let cluster: Cluster;
  let healthy: ServerProcess;
  let projector: ServerProcess;
  let tenant: TestTenant;
  beforeAll(async () => {
    cluster = await Cluster.open();
    [projector, healthy] = await Promise.all([cluster.start({ roles: 'projector' }), cluster.start({ roles: 'api' })]);
    tenant = await tenantAt(healthy);
  });
  afterAll(() => cluster.close());

  const query = <R>(text: string, params: unknown[] = []) => cluster.test.database.query<R>(text, params);

  async function victim(killAt: KillPoint, roles: 'api' | 'projector' = 'api'): Promise<ServerProcess> {
    const started = await cluster.start({ roles, killAt });
    await started.arm();
    return started;
  }

  const body = (document_id: string) => ({ corpus_id: 'c1', document_id, text: `All about ${document_id}.` });

  /** As the passing of their time would: a claim's lease of 30 s, and the silence after which a run's process is dead. */
  async function timePasses(): Promise<void> {
    await query(`update idempotency.claim set lease_until = clock_timestamp() where status is null`);
    await query(`update streams.stream set beat_at = now() - interval '1 minute' where not ended`);
  }

  const submissions = async (documentId: string) =>
    (await eventsIn(cluster.test, ['DocumentSubmitted'])).filter(({ data }) => data['documentId'] === documentId);

  /** Contents of the tenant that no event names; frames of streams are named by their streams. */
  const orphans = async () => {
    const contents = await query<{ id: string; kind: string }>(
      `select id, kind from content.blob where tenant_id = $1 and kind <> 'stream-frames'`,
      [tenant.tenantId],
    );
    const told = (await eventsIn(cluster.test)).map(({ raw }) => raw.data).join('\n');
    return contents.filter(({ id }) => !told.includes(id));
  };

  it.each(['claim', 'content', 'append', 'stored-answer'] as const)(
    'after its %s takes effect once when it is repeated elsewhere, and leaves nothing behind',
    async (point) => {
      const document = `doc-${point}`;
      const dying = await victim(point);
      const key = { 'idempotency-key': point };
      await expect(tenant.editor.at(dying.url).post('/v1/documents/text', body(document), key)).rejects.toThrow();
      await dying.exited;
      expect(await submissions(document)).toHaveLength(['append', 'stored-answer'].includes(point) ? 1 : 0);
      await timePasses();
      const repeated = await tenant.editor.post('/v1/documents/text', body(document), key);
      expect(repeated).toMatchObject({ status: 202, data: { document_id: document, status: 'queued' } });
      expect(repeated.headers.get('idempotency-replayed')).toBe(point === 'stored-answer' ? 'true' : null);
      const again = await tenant.editor.post('/v1/documents/text', body(document), key);
      expect(again.text).toBe(repeated.text);
      expect(await submissions(document)).toHaveLength(1);
      expect(await ingested(tenant.reader, document)).toMatchObject({
        status: 'succeeded',
        last_job_id: (repeated.data as { job_id: string }).job_id,
      });
      expect(await orphans()).toEqual([]);
    },
  );

  it('after the checkpoint of a projection loses nothing: the next projector goes on behind it', async () => {
    await projector.stop();
    const dying = await victim('checkpoint', 'projector');
    const accepted = await tenant.editor.post('/v1/documents/text', body('doc-checkpoint'));
    expect(accepted.status).toBe(202);
    await dying.exited;
    projector = await cluster.start({ roles: 'projector' });
    expect(await ingested(tenant.reader, 'doc-checkpoint')).toMatchObject({ status: 'succeeded', num_chunks: 1 });
    const list = (await tenant.reader.get('/v1/documents')).data as { id: string }[];
    expect(list.filter(({ id }) => id === 'doc-checkpoint')).toHaveLength(1);
  });

  const question = { session_id: 's1', corpus_id: 'c1', message: 'What is all about doc-append?' };

  it.each([
    ['answer was made', 'run-answer', ['error', 'done'], 'RunFailed'],
    ['end was logged', 'run-completed', ['message.final', 'done'], 'RunCompleted'],
  ] as const)(
    'after its %s tells one end under its key, in the log and in the stream',
    async (_, point, last, type) => {
      await ingested(tenant.reader, 'doc-append');
      const dying = await victim(point);
      const key = { 'idempotency-key': point };
      // It may die before a word of its answer has left it.
      const cut = await tenant.reader
        .at(dying.url)
        .open(question, key)
        .catch(() => undefined);
      await cut?.rest();
      await dying.exited;
      await timePasses();
      const repeated = await tenant.reader.ask(question, key);
      expect(repeated.text.startsWith(cut?.text ?? '')).toBe(true);
      expect(repeated.frames.slice(-2).map((frame) => frame.type)).toEqual(last);
      expect(repeated.frames.map(({ seq }) => seq)).toEqual(repeated.frames.map((_frame, at) => at + 1));
      const run = repeated.frames[0]?.id.split(':')[0];
      const ends = async () =>
        (await eventsIn(cluster.test, ['RunCompleted', 'RunFailed', 'RunCancelled'])).filter(
          ({ data }) => data['runId'] === run,
        );
      await until('the end is logged', async () => (await ends()).length > 0);
      const [end, ...more] = await ends();
      expect(more).toEqual([]);
      expect(end?.type).toBe(type);
      expect(end?.data).toMatchObject({ frames: { count: repeated.frames.length } });
      expect((await tenant.reader.ask(question, key)).text).toBe(repeated.text);
    },
  );
});
