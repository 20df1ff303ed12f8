import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../fuzz/random.js';
import type { EventStream } from '../support/event-stream.js';
import { aCorpus, aDocument, openTestServer, type TestServer, type TestTenant } from '../support/server.js';
import { until } from '../support/until.js';
import { openWireOpenAi } from '../support/wire-openai-chat.js';
import type { WireServer } from '../support/wire-server.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const RUNS = 200;
const SEED = 20_261;
const text = 'The kettle of the office is green. It whistles when the water boils.';
const question = (message: string) => ({ session_id: 's1', corpus_id: 'c1', message });

/** A server whose model answers nobody who says "hang". */
class Hanging {
  private constructor(
    readonly wire: WireServer,
    readonly server: TestServer,
    readonly victim: TestTenant,
    readonly others: readonly TestTenant[],
  ) {}

  static async open(env: Readonly<Record<string, string>>): Promise<Hanging> {
    const wire = await openWireOpenAi(({ messages }) =>
      messages.at(-1)?.content.includes('hang') === true
        ? new Promise(() => undefined)
        : { words: ['It is ', 'green [1].'] },
    );
    const server = await openTestServer({
      LLM_PROVIDER: 'openai',
      OPENAI_BASE_URL: `${wire.url}/v1`,
      LLM_IDLE_TIMEOUT_MS: '2000',
      RUN_RESUME_GRACE_S: '0',
      CB_FAILURE_THRESHOLD: '1000',
      ...env,
    });
    const tenants = await Promise.all([1, 2, 3].map(() => server.tenant()));
    for (const tenant of tenants) {
      await aCorpus(tenant);
      await aDocument(tenant, text);
    }
    const [victim, ...others] = tenants;
    if (victim === undefined) throw new Error('there is no tenant');
    return new Hanging(wire, server, victim, others);
  }

  /** Calls to the model under way. */
  get calls(): number {
    return this.server.platform.outbound.inFlight(`llm.openai 127.0.0.1:${this.wire.port}`);
  }

  hang(at: number): Promise<EventStream> {
    return this.victim.reader.open(question(`hang ${at}`));
  }

  /** What each of the other tenants is told by several questions at once. */
  async answers(): Promise<readonly unknown[]> {
    const all = this.others.flatMap(({ reader }) =>
      Array.from({ length: 5 }, (_, at) => reader.ask({ ...question('Which colour?'), session_id: `s${at}` })),
    );
    return (await Promise.all(all)).map(({ frames }) => frames.find(({ type }) => type === 'message.final')?.data);
  }

  quiet(): Promise<void> {
    return until(
      'every call has ended and every socket is closed',
      () => this.calls === 0 && this.wire.openSockets === 0,
      300_000,
    );
  }

  async close(): Promise<void> {
    await this.server.stop();
    await this.wire.close();
  }
}

const answered = expect.objectContaining({ text: 'It is green [1].', degraded: false, provider: 'openai' }) as unknown;

describe('a provider that hangs', () => {
  let hanging: Hanging;
  beforeAll(async () => {
    hanging = await Hanging.open({ LLM_FIRST_TOKEN_TIMEOUT_MS: '12000', RUN_MAX_CONCURRENCY: '260' });
  }, 600_000);
  afterAll(() => hanging.close());

  const timers = () => process.getActiveResourcesInfo().filter((what) => what === 'Timeout').length;

  /** Asks many at once, of whom some leave, each when it likes; gives what those who stayed saw last. */
  async function wave(of: number): Promise<string[]> {
    const last: string[] = [];
    const one = async (at: number): Promise<void> => {
      const random = new Random(SEED + of, at);
      const stream = await hanging.hang(at);
      if (stream.status !== 200) throw new Error(`a run was answered with ${stream.status}`);
      if (random.chance(0.2)) return stream.leave();
      await stream.until('request.accepted');
      if (random.chance(0.2)) return stream.leave();
      if (random.chance(0.5)) {
        await delay(random.below(8_000));
        return stream.leave();
      }
      // What it is told in place of the model's words.
      await stream.until('token.delta');
      if (random.chance(0.3)) return stream.leave();
      last.push((await stream.rest()).at(-1)?.type ?? 'nothing');
    };
    await Promise.all(Array.from({ length: RUNS }, (_, at) => one(at)));
    return last;
  }

  it('holds no place, timer, socket or memory of those who asked it, whoever leaves when', async () => {
    const { victim } = hanging;
    const ask = async (): Promise<unknown> => (await victim.reader.ask(question('Which colour?'))).frames.at(-1)?.type;
    await ask();
    await wave(1);
    await hanging.quiet();
    const before = { timers: timers(), heap: heapNow() };
    const last = await wave(2);
    expect(last.length).toBeGreaterThan(RUNS / 10);
    expect(new Set(last)).toEqual(new Set(['done']));
    await hanging.quiet();
    await until('no timer of theirs is left', () => timers() <= before.timers + 5, 300_000);
    expect(heapNow() - before.heap).toBeLessThan(32_000_000);
    expect(await ask()).toBe('done');
  }, 900_000);

  function heapNow(): number {
    collect();
    return process.memoryUsage().heapUsed;
  }
});

describe('while a provider hangs', () => {
  let hanging: Hanging;
  const open = async (places: string): Promise<void> => {
    hanging = await Hanging.open({ LLM_FIRST_TOKEN_TIMEOUT_MS: '600000', RUN_MAX_CONCURRENCY: places });
  };
  afterEach(() => hanging.close());

  it('the answers of other tenants come, and not one of the hanging runs has ended by then', async () => {
    await open('260');
    const streams = await Promise.all(Array.from({ length: RUNS }, (_, at) => hanging.hang(at)));
    await until('all of them hang', () => hanging.calls === RUNS, 300_000);
    expect(await hanging.answers()).toEqual(Array.from({ length: 10 }, () => answered));
    expect(hanging.calls).toBe(RUNS);
    for (const stream of streams) stream.leave();
    await hanging.quiet();
  }, 600_000);

  it('whoever asks for more places than there are finds most of them and no more, and others find theirs', async () => {
    await open('50');
    const streams = await Promise.all(Array.from({ length: RUNS }, (_, at) => hanging.hang(at)));
    const [taken, refused] = [200, 503].map((status) => streams.filter((stream) => stream.status === status));
    expect([taken?.length, refused?.length]).toEqual([40, RUNS - 40]);
    await until('those that found a place hang', () => hanging.calls === 40, 300_000);
    expect(await hanging.answers()).toEqual(Array.from({ length: 10 }, () => answered));
    expect(hanging.calls).toBe(40);
    for (const stream of streams) stream.leave();
    await hanging.quiet();
  }, 600_000);
});
