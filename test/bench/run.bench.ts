import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '#cli/client.js';
import { createKey } from '#cli/operations/keys.js';
import { demoCorpusId, demoQuestion } from '#cli/seed/demo-documents.js';
import { seedDemo } from '#cli/seed/seed.js';
import { startServer, type RunningServer } from '#cli/server.js';
import { loadConfig } from '#infra/config/config.js';
import { createLogger } from '#infra/telemetry/logger.js';
import { loadNow, quantile, round, type BenchContext, type BenchRow, type BenchTable } from './report.js';

const TENANT = 'bench';
const WARM_UP = 20;

interface Times {
  readonly firstByte: number;
  readonly firstToken: number;
  readonly end: number;
}

/** `POST /v1/run` over the demo corpus with the default answerer, beside the SQL of its retrieval alone. */
export async function runSection(context: BenchContext): Promise<readonly BenchTable[]> {
  const folder = await mkdtemp(join(tmpdir(), 'nexusrag-bench-'));
  const databaseUrl = await context.database({ migrated: false });
  const env = { DATABASE_URL: databaseUrl, DATA_DIR: folder, PORT: '0', RATE_LIMIT_ENABLED: 'false' };
  const config = loadConfig({ env, readFile: () => undefined });
  const logger = createLogger({ level: 'warn' });
  const server = await startServer({ config, roles: ['api', 'projector'], logger, version: '0.0.0-bench' });
  try {
    return [await measured(context, server)];
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measured(context: BenchContext, server: RunningServer): Promise<BenchTable> {
  const url = server.url ?? '';
  const { api_key: token } = await createKey(server.platform, { tenantId: TENANT, role: 'admin', name: 'bench' });
  await seedDemo(new Client({ url, token }));
  const ask = asker(url, token);
  for (let at = 0; at < WARM_UP; at += 1) await ask(`warm ${at}`);
  const until = performance.now() + context.seconds * 2_000;
  const runs: Times[] = [];
  const statements = counting(server);
  while (performance.now() < until) runs.push(await ask(`session ${runs.length % 50}`));
  const perRun = statements.stop() / runs.length;
  const sql = await retrievalSql(server, context.seconds);
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
    notes: [
      `${runs.length} runs, one after the other, each recorded before it is sent; load ${loadNow()}`,
      `${round(perRun, 1)} statements a run, all roles of the process together`,
    ],
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
          text += data.toString();
          if (text.includes('token.delta')) firstToken ??= since();
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

/** Counts the statements of the process until it is stopped. */
function counting({ platform: { database } }: RunningServer): { stop(): number } {
  const { query, queryPrepared, execute } = database;
  let count = 0;
  database.query = (...args) => ((count += 1), query.apply(database, args)) as never;
  database.queryPrepared = (...args) => ((count += 1), queryPrepared.apply(database, args)) as never;
  database.execute = (...args) => ((count += 1), execute.apply(database, args));
  return {
    stop: () => {
      Object.assign(database, { query, queryPrepared, execute });
      return count;
    },
  };
}

/** The statements of one retrieval, caught on their way, and repeated alone. */
async function retrievalSql(
  { platform: { database, search } }: RunningServer,
  seconds: number,
): Promise<{ both: number[]; whole: number[] }> {
  const { query, queryPrepared } = database;
  const caught: (() => Promise<unknown>)[] = [];
  const through =
    (send: typeof query): typeof query =>
    (...args) =>
      (caught.push(() => send.apply(database, args)), send.apply(database, args)) as never;
  const retrieve = () => search.retrieve({ tenantId: TENANT, corpusId: demoCorpusId, query: demoQuestion, k: 5 });
  await retrieve();
  Object.assign(database, { query: through(query), queryPrepared: through(queryPrepared) });
  await retrieve();
  Object.assign(database, { query, queryPrepared });
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
