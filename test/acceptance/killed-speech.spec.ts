import { createHash } from 'node:crypto';
import { testEngine } from '#test/support/database.js';
import { eventsIn } from '#test/support/event-log.js';
import type { Frame } from '#test/support/event-stream.js';
import { Cluster, tenantAt, type ServerProcess } from '#test/support/processes.js';
import { aDocument, type TestTenant } from '#test/support/server.js';
import type { KillPoint } from '#test/support/server-process.js';
import { until } from '#test/support/until.js';

const onServers = testEngine === 'postgres' ? describe : describe.skip;

onServers('a run that speaks, whose process is killed', () => {
  const env = { TTS_PROVIDER: 'fake', AUDIO_BASE_URL: 'https://audio.example' };
  let cluster: Cluster;
  let healthy: ServerProcess;
  let tenant: TestTenant;
  beforeAll(async () => {
    cluster = await Cluster.open();
    healthy = await cluster.start({ roles: 'api,projector', env });
    tenant = await tenantAt(healthy);
    const plan = await tenant.admin.patch(`/v1/admin/plans/${tenant.tenantId}`, { plan_id: 'pro' });
    expect(plan.status).toBe(200);
    await aDocument(tenant, 'The kettle of the office is green.');
  });
  afterAll(() => cluster.close());

  const question = { session_id: 's1', corpus_id: 'c1', message: 'Which colour has the kettle?', audio: true };
  const digestOf = (frames: readonly Frame[]) => ({
    count: frames.length,
    sha256: createHash('sha256')
      .update(frames.map(({ text }) => text).join(''))
      .digest('hex'),
  });

  it.each<[string, KillPoint, string]>([
    ['its end was logged', 'run-completed', 'audio.error'],
    ['its audio was stored', 'audio-stored', 'audio.ready'],
    ['its speech was logged', 'speech-told', 'audio.ready'],
  ])(
    'after %s tells its text once and what became of its speech, in the log and in the stream',
    async (_, point, told) => {
      const dying = await cluster.start({ roles: 'api', killAt: point, env });
      await dying.arm();
      const key = { 'idempotency-key': point };
      const cut = await tenant.reader.at(dying.url).open(question, key);
      expect(cut.status).toBe(200);
      await cut.rest();
      await dying.exited;
      // As the passing of the time would after which a run's process is dead.
      await cluster.test.database.query(
        `update streams.stream set beat_at = now() - interval '1 minute' where not ended`,
      );
      const { frames, text } = await tenant.reader.ask(question, key);
      expect(text.startsWith(cut.text)).toBe(true);
      const types = frames.map(({ type }) => type).filter((type) => type !== 'heartbeat' && type !== 'token.delta');
      expect(types).toEqual(['request.accepted', 'message.final', told, 'done']);
      expect(frames.map(({ seq }) => seq)).toEqual(frames.map((_frame, at) => at + 1));
      const runId = frames[0]?.id.split(':')[0] ?? '';
      const ends = async () =>
        (await eventsIn(cluster.test, ['RunCompleted', 'RunSpeechTold', 'RunFailed', 'RunCancelled'])).filter(
          ({ data }) => data['runId'] === runId,
        );
      await until('both ends are logged', async () => (await ends()).length === 2);
      const [completed, speech] = await ends();
      const upToText = frames.slice(0, frames.findIndex(({ type }) => type === 'message.final') + 1);
      expect(completed).toMatchObject({ type: 'RunCompleted', data: { frames: digestOf(upToText) } });
      expect(speech).toMatchObject({ type: 'RunSpeechTold', data: { told, frames: digestOf(frames) } });
      expect((await tenant.reader.ask(question, key)).text).toBe(text);
    },
  );
});
