import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoCorpusId, demoQuestion, demoTenantId } from '#cli/seed/demo-documents.js';
import { startServer, type RunningServer } from '#cli/server.js';
import { loadConfig } from '#infra/config/config.js';
import { createLogger } from '#infra/telemetry/logger.js';
import { CPU_NOTE, cpuColumns, cpuOf } from './databases.js';
import { startProduct, type ServerProcess } from './processes.js';
import { loadNow, quantile, round, type BenchContext, type BenchRow, type BenchTable } from './report.js';

const CLIENTS = 32;
/** Of the same load, before what counts: a young process is still compiling. */
const WARM_UP_MS = 15_000;

interface Times {
  readonly firstByte: number;
  readonly firstToken: number;
  readonly end: number;
}

/** `POST /v1/run` over the demo corpus with the default answerer, beside the SQL of its retrieval alone. */
export async function runSection(context: BenchContext): Promise<readonly BenchTable[]> {
  return [await one(context), await many(context)];
}

/** Runs of one client, one after the other; then, with the product gone, the same retrieval in this process. */
async function one(context: BenchContext): Promise<BenchTable> {
  const folder = await mkdtemp(join(tmpdir(), 'nexusrag-bench-'));
  const databaseUrl = await context.database({ migrated: false });
  const env = {
    DATABASE_URL: databaseUrl,
    DATA_DIR: folder,
    PORT: '0',
    RATE_LIMIT_ENABLED: 'false',
    LOG_LEVEL: 'warn',
  };
  try {
    const product = await startProduct(databaseUrl, env);
    const runs = await runsOf(product, context.seconds).finally(() => product.stop());
    const config = loadConfig({ env, readFile: () => undefined });
    const logger = createLogger({ level: 'warn' });
    const server = await startServer({ config, roles: ['api'], logger, version: '0.0.0-bench' });
    const sql = await retrievalSql(server, context.seconds).finally(() => server.stop());
    return runTable(runs, sql);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runsOf({ url, apiKey }: ServerProcess, seconds: number): Promise<readonly Times[]> {
  const ask = asker(url, apiKey);
  const warmUntil = performance.now() + WARM_UP_MS;
  for (let at = 0; performance.now() < warmUntil; at += 1) await ask(`warm ${at}`);
  const until = performance.now() + seconds * 2_000;
  const runs: Times[] = [];
  while (performance.now() < until) runs.push(await ask(`session ${runs.length % 50}`));
  return runs;
}

/** Complete runs of many clients, each of whom asks three questions a session; the product in a process of its own. */
async function many(context: BenchContext): Promise<BenchTable> {
  const env = { RATE_LIMIT_ENABLED: 'false', RUN_MAX_CONCURRENCY: String(2 * CLIENTS), LOG_LEVEL: 'warn' };
  const product = await startProduct(await context.database({ migrated: false }), env);
  try {
    const ask = asker(product.url, product.apiKey);
    const ends: number[] = [];
    let asked = 0;
    const askUntil = async (until: number): Promise<void> => {
      const lane = async (): Promise<void> => {
        while (performance.now() < until) ends.push((await ask(`session ${Math.floor((asked += 1) / 3)}`)).end);
      };
      await Promise.all(Array.from({ length: CLIENTS }, lane));
    };
    await askUntil(performance.now() + WARM_UP_MS);
    ends.length = 0;
    const began = performance.now();
    const cpu = await cpuOf(product.databaseUrl, () => askUntil(began + context.seconds * 2_000), product.pid);
    const perSecond = ends.length / ((performance.now() - began) / 1_000);
    return {
      title: `POST /v1/run with ${CLIENTS} clients`,
      rows: [
        {
          'runs/s': perSecond,
          'p50 ms': quantile(ends, 0.5),
          'p99 ms': quantile(ends, 0.99),
          ...cpuColumns(cpu, ends.length),
          load: loadNow(),
        },
      ],
      goals: [{ what: 'complete runs/s', goal: 300, measured: round(perSecond), atLeast: true }],
      notes: [
        'The extractive answerer as the model, no limits; every frame recorded, every outcome an event.',
        CPU_NOTE,
      ],
    };
  } finally {
    await product.stop();
  }
}

function runTable(runs: readonly Times[], sql: Retrievals): BenchTable {
  const row = (what: string, values: readonly number[]): BenchRow => ({
    what,
    'p50 ms': quantile(values, 0.5),
    'p99 ms': quantile(values, 0.99),
    'x retrieval SQL': round(quantile(values, 0.5) / quantile(sql.both, 0.5)),
  });
  return {
    title: 'POST /v1/run',
    rows: [
      row(
        'to the first byte',
        runs.map(({ firstByte }) => firstByte),
      ),
      row(
        'to the first token',
        runs.map(({ firstToken }) => firstToken),
      ),
      row(
        'to the end',
        runs.map(({ end }) => end),
      ),
      row('retrieval SQL alone', sql.both),
      row('retrieval with its embedding', sql.whole),
    ],
    goals: [
      {
        what: 'ms at p50 to the first token, on top of retrieval and model',
        goal: 5,
        measured: round(
          quantile(
            runs.map(({ firstToken }) => firstToken),
            0.5,
          ) - quantile(sql.whole, 0.5),
        ),
        atLeast: false,
      },
    ],
    notes: [`${runs.length} runs, one after the other, each recorded before it is sent; load ${loadNow()}`],
  };
}

/** Asks one question over a kept connection and times the stream. */
function asker(url: string, token: string): (session: string) => Promise<Times> {
  const agent = new Agent({ keepAlive: true });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return (session) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify({ session_id: session, corpus_id: demoCorpusId, message: demoQuestion });
      const began = performance.now();
      const since = (): number => performance.now() - began;
      const asked = request(`${url}/v1/run`, { method: 'POST', agent, headers }, (response) => {
        const firstByte = since();
        let firstToken: number | undefined;
        let text = '';
        response.on('data', (data: Buffer) => {
          if (firstToken !== undefined) return;
          text += data.toString();
          if (text.includes('token.delta')) firstToken = since();
        });
        response.on('end', () => {
          if (firstToken === undefined) reject(new Error(`no token in: ${text.slice(0, 500)}`));
          else resolve({ firstByte, firstToken, end: since() });
        });
        response.on('error', reject);
      });
      asked.on('error', reject);
      asked.end(body);
    });
}

/** Milliseconds of the statements of one retrieval, and of the whole retrieval with its embedding. */
interface Retrievals {
  readonly both: readonly number[];
  readonly whole: readonly number[];
}

/** The statements of one retrieval, caught on their way, and repeated alone. */
async function retrievalSql({ platform: { database, search } }: RunningServer, seconds: number): Promise<Retrievals> {
  const { query, queryPrepared, queryTogether } = database;
  const caught: (() => Promise<unknown>)[] = [];
  const through =
    (send: typeof query): typeof query =>
    (...args) =>
      (caught.push(() => send.apply(database, args)), send.apply(database, args)) as never;
  const retrieve = () => search.retrieve({ tenantId: demoTenantId, corpusId: demoCorpusId, query: demoQuestion, k: 5 });
  await retrieve();
  const caughtAt = {
    query: through(query),
    queryPrepared: through(queryPrepared),
    queryTogether: through(queryTogether),
  };
  Object.assign(database, caughtAt);
  await retrieve();
  Object.assign(database, { query, queryPrepared, queryTogether });
  const both: number[] = [];
  const whole: number[] = [];
  const until = performance.now() + seconds * 1_000;
  while (performance.now() < until) {
    let began = performance.now();
    for (const again of caught) await again();
    both.push(performance.now() - began);
    began = performance.now();
    await retrieve();
    whole.push(performance.now() - began);
  }
  return { both, whole };
}
