import type { LoadReport } from './load.js';
import { outputOf, startBare, startProduct } from './processes.js';
import {
  loadNow,
  quantile,
  round,
  type BenchContext,
  type BenchGoal,
  type BenchRow,
  type BenchTable,
} from './report.js';

export interface Measured {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** `GET /v1/corpora` with a key, beside a bare Fastify handler that returns the same bytes; each in a process of its own. */
export async function httpSection(context: BenchContext): Promise<readonly BenchTable[]> {
  const product = await startProduct(await context.database({ migrated: false }), { RATE_LIMIT_ENABLED: 'false' });
  try {
    const target = `${product.url}/v1/corpora`;
    const authorization = `Bearer ${product.apiKey}`;
    const answer = await fetch(target, { headers: { authorization } });
    if (answer.status !== 200) throw new Error(`GET /v1/corpora was answered with ${answer.status}`);
    const type = answer.headers.get('content-type') ?? 'application/json';
    const bare = await startBare(await answer.text(), type);
    try {
      return [await compared(context, { target, authorization, bare: bare.url })];
    } finally {
      await bare.stop();
    }
  } finally {
    await product.stop();
  }
}

async function compared(
  context: BenchContext,
  { target, authorization, bare }: { target: string; authorization: string; bare: string },
): Promise<BenchTable> {
  const rows: BenchRow[] = [];
  const goals: BenchGoal[] = [];
  await load(target, 8, 2, authorization);
  await load(bare, 8, 1);
  for (const clients of [1, 32]) {
    const ours = await load(target, clients, context.seconds, authorization);
    const plain = await load(bare, clients, context.seconds);
    rows.push({
      clients,
      'requests/s': ours.perSecond,
      'p50 ms': ours.p50,
      'p99 ms': ours.p99,
      'bare requests/s': plain.perSecond,
      'bare p50 ms': plain.p50,
      'bare p99 ms': plain.p99,
      'x bare': round(ours.perSecond / plain.perSecond),
      load: loadNow(),
    });
    context.say(JSON.stringify(rows.at(-1)));
    if (clients === 1) goals.push({ what: 'p50 ms with 1 client', goal: 2, measured: ours.p50, atLeast: false });
    else goals.push({ what: 'requests/s with 32 clients', goal: 3_000, measured: ours.perSecond, atLeast: true });
  }
  const notes = ['Server, load generator and Postgres share the cores of this machine.'];
  return { title: 'GET /v1/corpora with a key', rows, goals, notes };
}

/** Loads an address, and gives what it bore; throws when a request failed. */
export async function load(url: string, clients: number, seconds: number, authorization?: string): Promise<Measured> {
  const args = [url, String(clients), String(seconds), ...(authorization === undefined ? [] : [authorization])];
  const { perSecond, took, failed } = JSON.parse(await outputOf('#test/bench/load.js', args)) as LoadReport;
  if (failed > 0) throw new Error(`${failed} of ${took.length} requests to ${url} failed`);
  return { perSecond: Math.round(perSecond), p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
}
