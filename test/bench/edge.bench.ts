import { randomUUID } from 'node:crypto';
import { load } from './http.bench.js';
import { startProduct, type ServerProcess } from './processes.js';
import { loadNow, round, type BenchContext, type BenchGoal, type BenchRow, type BenchTable } from './report.js';

const PATH = '/v1/corpora';
const WIDE = '1000000';
const ROUNDS = 5;
/** Before the throughput is measured: a young process is still compiling. */
const WARM_UP_SECONDS = 15;

/** Everything on, over Redis, with limits that the load does not reach. */
function gatedEnv(): Record<string, string> {
  const limits = ['KEY', 'TENANT'].flatMap((scope) => [
    [`RL_${scope}_READ_RPS`, WIDE],
    [`RL_${scope}_READ_BURST`, WIDE],
  ]);
  return {
    ...(Object.fromEntries(limits) as Record<string, string>),
    REDIS_URL: process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379',
    RL_REDIS_PREFIX: `bench:${randomUUID()}`,
    RATE_LIMIT_ENABLED: 'true',
  };
}

/**
 * An authenticated GET with rate limits, quota, entitlements, access records and metrics, beside the same handler without any
 * of them, each in a process of its own; then one tenant with more and more clients.
 */
export async function edgeSection(context: BenchContext): Promise<readonly BenchTable[]> {
  const gated = await startProduct(await context.database({ migrated: false }), gatedEnv());
  try {
    const table = await one(context, gated);
    return [table, await many(context, gated)];
  } finally {
    await gated.stop();
  }
}

async function one(context: BenchContext, gated: ServerProcess): Promise<BenchTable> {
  const env = { ...gatedEnv(), RATE_LIMIT_ENABLED: 'false' };
  const ungated = await startProduct(await context.database({ migrated: false }), env, '#test/bench/ungated-server.js');
  try {
    await quotaOf(gated);
    const seconds = context.seconds / ROUNDS;
    const p50s = { gated: [] as number[], ungated: [] as number[] };
    await measure(gated, 1, 2);
    await measure(ungated, 1, 2);
    // In turns, so that what else the machine does falls on both.
    for (let turn = 0; turn < ROUNDS; turn += 1) {
      p50s.gated.push((await measure(gated, 1, seconds)).p50);
      p50s.ungated.push((await measure(ungated, 1, seconds)).p50);
    }
    const [withAll, withNone] = [median(p50s.gated), median(p50s.ungated)];
    const row = {
      'p50 ms with all': withAll,
      'p50 ms with none': withNone,
      'costs ms': round(withAll - withNone),
      load: loadNow(),
    };
    context.say(JSON.stringify(row));
    return {
      title: 'An authenticated GET with every gate, beside the same handler with none',
      rows: [row],
      goals: [{ what: 'ms at p50 that the gates cost', goal: 1, measured: round(withAll - withNone), atLeast: false }],
      notes: ['Rate limits, quota, entitlements, access records, metrics; one client; the median of several turns.'],
    };
  } finally {
    await ungated.stop();
  }
}

async function many(context: BenchContext, gated: ServerProcess): Promise<BenchTable> {
  const rows: BenchRow[] = [];
  const reached = new Map<number, number>();
  await measure(gated, 32, WARM_UP_SECONDS);
  for (const clients of [8, 32, 128]) {
    const { perSecond, p50, p99 } = await measure(gated, clients, context.seconds);
    reached.set(clients, perSecond);
    rows.push({ clients, 'requests/s': perSecond, 'p50 ms': p50, 'p99 ms': p99, load: loadNow() });
    context.say(JSON.stringify(rows.at(-1)));
  }
  const with32 = reached.get(32) ?? 0;
  const goals: BenchGoal[] = [
    { what: 'requests/s with 32 clients', goal: 2_000, measured: with32, atLeast: true },
    { what: 'of them with 128 clients', goal: 0.9, measured: round((reached.get(128) ?? 0) / with32), atLeast: true },
  ];
  return { title: 'One tenant on Redis and Postgres, every gate on', rows, goals };
}

const measure = ({ url, apiKey }: ServerProcess, clients: number, seconds: number) =>
  load(`${url}${PATH}`, clients, seconds, `Bearer ${apiKey}`);

/** A quota that is counted and never reached. */
async function quotaOf({ url, apiKey }: ServerProcess): Promise<void> {
  const answer = await fetch(`${url}/v1/admin/quotas/t1`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ daily_requests_limit: 2_000_000_000, monthly_requests_limit: 2_000_000_000 }),
  });
  if (answer.status !== 200) throw new Error(`the quota was answered with ${answer.status}: ${await answer.text()}`);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
