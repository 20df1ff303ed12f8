import { openTestDatabase, testEngine, type TestDatabase } from '#test/support/database.js';
import { onStandIn } from '#test/support/event-log.js';
import { LossyProxy } from '#test/support/event-log-proxy.js';
import { MixedLoad, type Outcome } from '#test/support/load.js';
import { RedisServer } from '#test/support/redis-server.js';
import { aCorpus, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

const onServers = testEngine === 'postgres' ? describe : describe.skip;

const classes = ['RUN', 'MUTATION', 'READ', 'OPS'];
/** Wide enough for any load: what is tried is what happens without the shared buckets, not their size. */
const wide = Object.fromEntries(
  ['KEY', 'TENANT'].flatMap((scope) =>
    classes.flatMap((name) => [
      [`RL_${scope}_${name}_RPS`, '100000'],
      [`RL_${scope}_${name}_BURST`, '100000'],
    ]),
  ),
);
const limited = { RATE_LIMIT_ENABLED: 'true', RUN_MAX_CONCURRENCY: '4', ...wide };

const fine = ({ status, code }: Outcome): boolean => status < 300 && code === undefined;
const declared =
  (...codes: string[]) =>
  (outcome: Outcome): boolean =>
    fine(outcome) || codes.includes(outcome.code ?? '');

/** A server whose clients never stop calling. */
class Busy {
  private constructor(
    readonly server: TestServer,
    readonly load: MixedLoad,
  ) {}

  static async start(env: Record<string, string>): Promise<Busy> {
    const server = await openTestServer({ ...limited, ...env });
    const tenant: TestTenant = await server.tenant();
    await aCorpus(tenant);
    const load = new MixedLoad(tenant);
    const busy = new Busy(server, load);
    await busy.isFine();
    return busy;
  }

  get mark(): number {
    return this.load.outcomes.length;
  }

  /** Every kind of call succeeds, without a word of degradation, from now on. */
  async isFine(): Promise<void> {
    await until('every call succeeds', () => {
      const mark = this.mark;
      return until(
        'a round of calls',
        () => this.load.every(mark, (outcome) => fine(outcome) && !outcome.degraded),
        5_000,
      ).then(
        () => this.load.since(mark).every((outcome) => fine(outcome) && !outcome.degraded),
        () => false,
      );
    });
  }

  async stop(): Promise<void> {
    await this.load.stop();
    await this.server.stop();
  }
}

onServers('while Redis is away', () => {
  let redis: RedisServer;
  let busy: Busy | undefined;

  beforeEach(async () => {
    redis = await RedisServer.start();
  });
  afterEach(async () => {
    redis.goOn();
    await busy?.stop();
    await redis.kill();
  });

  it.each<[string, (redis: RedisServer) => Promise<void> | void, (redis: RedisServer) => Promise<void> | void]>([
    ['is killed and lost all that it held', (server) => server.kill(), (server) => server.start()],
    ['does not answer', (server) => server.halt(), (server) => server.goOn()],
  ])('every request goes on when it %s, and all is as before when it is back', async (_how, take, give) => {
    busy = await Busy.start({ REDIS_URL: redis.url });
    const { load } = busy;
    const before = busy.mark;
    await take(redis);
    const gone = busy.mark;
    await until('every kind of call is degraded', () => load.every(gone, ({ degraded }) => degraded));
    await give(redis);
    await busy.isFine();
    expect(load.since(before).filter((outcome) => !fine(outcome))).toEqual([]);
  });

  it('every request is refused with the declared code where that was asked for', async () => {
    busy = await Busy.start({ REDIS_URL: redis.url, RL_FAIL_MODE: 'closed' });
    const { load } = busy;
    const before = busy.mark;
    await redis.kill();
    const gone = busy.mark;
    await until('every kind of call is refused', () => load.every(gone, ({ status }) => status === 503));
    await redis.start();
    await busy.isFine();
    expect(load.since(before).filter((outcome) => !declared('RATE_LIMIT_UNAVAILABLE')(outcome))).toEqual([]);
  });
});

// With the log elsewhere, commands go on without Postgres, and their readers wait.
(onStandIn ? describe.skip : onServers)('while Postgres is away', () => {
  let database: TestDatabase;
  let proxy: LossyProxy;
  let busy: Busy | undefined;

  beforeEach(async () => {
    database = await openTestDatabase();
    proxy = await LossyProxy.before(database.url ?? '');
  });
  afterEach(async () => {
    await busy?.stop();
    await proxy.close();
    await database.drop();
  });

  it('requests are answered or refused with 503 and a code, and all is as before when it is back', async () => {
    busy = await Busy.start({ DATABASE_URL: proxy.url });
    const { load } = busy;
    const before = busy.mark;
    await proxy.close();
    const gone = busy.mark;
    await until('every kind of call is refused', () => load.every(gone, (outcome) => !fine(outcome)));
    proxy = await LossyProxy.before(database.url ?? '', Number(new URL(proxy.url).port));
    await busy.isFine();
    const answers = load.since(before);
    const refused = answers.filter((outcome) => !fine(outcome));
    expect(refused.filter(({ status, code }) => code === undefined || (status !== 503 && status !== 200))).toEqual([]);
    expect(new Set(refused.map(({ code }) => code))).not.toContain('UNKNOWN_ERROR');
  });
});
