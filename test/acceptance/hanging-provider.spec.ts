import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { aCorpus, aDocument, openTestServer, type TestServer, type TestTenant } from '../support/server.js';
import { until } from '../support/until.js';
import { openWireOpenAi } from '../support/wire-openai-chat.js';
import type { WireServer } from '../support/wire-server.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const RUNS = 100;
const text = 'The kettle of the office is green. It whistles when the water boils.';
const question = (message: string) => ({ session_id: 's1', corpus_id: 'c1', message });

describe('a provider that hangs', () => {
  let wire: WireServer;
  let server: TestServer;
  let victim: TestTenant;
  let other: TestTenant;
  beforeAll(async () => {
    // Whoever says "hang" is never answered.
    wire = await openWireOpenAi(({ messages }) =>
      messages.at(-1)?.content.includes('hang') === true
        ? new Promise(() => undefined)
        : { words: ['It is ', 'green [1].'] },
    );
    server = await openTestServer({
      LLM_PROVIDER: 'openai',
      OPENAI_BASE_URL: `${wire.url}/v1`,
      LLM_FIRST_TOKEN_TIMEOUT_MS: '12000',
      LLM_IDLE_TIMEOUT_MS: '2000',
      RUN_MAX_CONCURRENCY: '260',
      RUN_RESUME_GRACE_S: '0',
      CB_FAILURE_THRESHOLD: '1000',
    });
    victim = await server.tenant();
    other = await server.tenant();
    for (const tenant of [victim, other]) {
      await aCorpus(tenant);
      await aDocument(tenant, text);
    }
  }, 600_000);
  afterAll(async () => {
    await server.stop();
    await wire.close();
  });

  const outbound = () => server.platform.outbound.inFlight(`llm.openai 127.0.0.1:${wire.port}`);
  const timers = () => process.getActiveResourcesInfo().filter((what) => what === 'Timeout').length;

  /** Asks many at once, of whom half leave at their own time; gives what those who stayed saw last. */
  async function wave(): Promise<string[]> {
    const last: string[] = [];
    const one = async (at: number): Promise<void> => {
      const stream = await victim.reader.open(question(`hang ${at}`));
      if (stream.status !== 200) throw new Error(`a run was answered with ${stream.status}`);
      await stream.until('request.accepted');
      if (at % 4 === 0) return stream.leave();
      if (at % 4 === 1) await stream.until('token.delta');
      if (at % 4 === 1) return stream.leave();
      last.push((await stream.rest()).at(-1)?.type ?? 'nothing');
    };
    await Promise.all(Array.from({ length: RUNS }, (_, at) => one(at)));
    return last;
  }

  const quiet = () =>
    until('every call has ended and every socket is closed', () => outbound() === 0 && wire.openSockets === 0, 300_000);

  it('holds no place, timer, socket or memory of those who asked it, whoever leaves when', async () => {
    const ask = async (): Promise<unknown> => (await victim.reader.ask(question('Which colour?'))).frames.at(-1)?.type;
    await ask();
    await wave();
    await quiet();
    const before = { timers: timers(), heap: heapNow() };
    expect(new Set(await wave())).toEqual(new Set(['done']));
    await quiet();
    await until('no timer of theirs is left', () => timers() <= before.timers + 5, 300_000);
    expect(heapNow() - before.heap).toBeLessThan(32_000_000);
    expect(await ask()).toBe('done');
  }, 900_000);

  it('keeps nobody of another tenant from an answer', async () => {
    const hanging = await Promise.all(
      Array.from({ length: RUNS }, (_, at) => victim.reader.open(question(`hang ${at}`))),
    );
    await until('many of them hang', () => outbound() >= 10, 300_000);
    const { frames } = await other.reader.ask(question('Which colour has the kettle?'));
    expect(frames.at(-1)?.type).toBe('done');
    expect(frames.find(({ type }) => type === 'message.final')?.data).toMatchObject({
      text: 'It is green [1].',
      degraded: false,
      provider: 'openai',
    });
    for (const stream of hanging) stream.leave();
    await quiet();
  }, 600_000);

  function heapNow(): number {
    collect();
    return process.memoryUsage().heapUsed;
  }
});
