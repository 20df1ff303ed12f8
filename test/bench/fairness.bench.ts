import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '#cli/client.js';
import { createKey } from '#cli/operations/keys.js';
import { demoCorpusId, demoQuestion } from '#cli/seed/demo-documents.js';
import { seedDemo } from '#cli/seed/seed.js';
import { startServer, type RunningServer } from '#cli/server.js';
import { loadConfig } from '#infra/config/config.js';
import { createLogger } from '#infra/telemetry/logger.js';
import { Random } from '#test/fuzz/random.js';
import { EventStream } from '#test/support/event-stream.js';
import { until } from '#test/support/until.js';
import { openWireOpenAi } from '#test/support/wire-openai-chat.js';
import type { WireServer } from '#test/support/wire-server.js';
import { loadNow, quantile, round, type BenchContext, type BenchRow, type BenchTable } from './report.js';

const HANGING = 200;
const WARM_UP = 200;
const LONGEST_STAY_MS = 10_000;

/** Runs of one tenant, alone and while 200 runs of another one hang at their model. */
export async function fairnessSection(context: BenchContext): Promise<readonly BenchTable[]> {
  const folder = await mkdtemp(join(tmpdir(), 'nexusrag-bench-'));
  // Whoever says "hang" is never answered.
  const wire = await openWireOpenAi(({ messages }) =>
    messages.at(-1)?.content.includes('hang') === true
      ? new Promise(() => undefined)
      : { words: ['It is ', 'green [1].'] },
  );
  const env = {
    DATABASE_URL: await context.database({ migrated: false }),
    ...{ DATA_DIR: folder, PORT: '0', RATE_LIMIT_ENABLED: 'false', AUTHZ_SHARE_NEW_DOCUMENTS: 'true' },
    ...{ LLM_PROVIDER: 'openai', OPENAI_BASE_URL: `${wire.url}/v1`, LLM_FIRST_TOKEN_TIMEOUT_MS: '600000' },
    ...{ RUN_MAX_CONCURRENCY: '260', RUN_RESUME_GRACE_S: '0' },
  };
  const config = loadConfig({ env, readFile: () => undefined });
  const logger = createLogger({ level: 'error' });
  const server = await startServer({ config, roles: ['api', 'projector'], logger, version: '0.0.0-bench' });
  try {
    return [await measured(context, server, wire)];
  } finally {
    await server.stop();
    await wire.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measured({ seconds, say }: BenchContext, server: RunningServer, wire: WireServer): Promise<BenchTable> {
  const [victim, other] = [await Member.of(server, 'victim'), await Member.of(server, 'other')];
  const runs = async (): Promise<readonly number[]> => {
    const times: number[] = [];
    const end = performance.now() + seconds * 1_000;
    while (performance.now() < end) times.push(await timed(other));
    return times;
  };
  const calls = () => server.platform.outbound.inFlight(`llm.openai 127.0.0.1:${wire.port}`);
  const quiet = () => until('nothing hangs any more', () => calls() === 0, 120_000);
  for (let at = 0; at < WARM_UP; at += 1) await timed(other);
  const alone = await runs();
  say(`${alone.length} runs alone`);
  const streams = await Promise.all(Array.from({ length: HANGING }, (_, at) => hang(victim, at)));
  await until('all of them hang', () => calls() === HANGING, 120_000);
  const during = await runs();
  for (const stream of streams) stream.leave();
  await quiet();
  const crowd = new Crowd(victim);
  await until('a crowd hangs', () => calls() >= HANGING / 2, 120_000);
  const churning = await runs();
  const came = await crowd.stop();
  await quiet();
  const after = await runs();
  return tableOf({ alone, during, churning, after }, came);
}

function tableOf(
  times: Readonly<Record<'alone' | 'during' | 'churning' | 'after', readonly number[]>>,
  came: number,
): BenchTable {
  const median = quantile(times.alone, 0.5);
  const row = (what: string, values: readonly number[]): BenchRow => ({
    what,
    runs: values.length,
    'p50 ms': quantile(values, 0.5),
    'p99 ms': quantile(values, 0.99),
    'x alone': round(quantile(values, 0.5) / median),
  });
  return {
    title: 'POST /v1/run of a tenant beside one whose provider hangs',
    rows: [
      row('alone', times.alone),
      row(`while ${HANGING} runs of another tenant hang`, times.during),
      row('while such runs come and leave at random', times.churning),
      row('after they left', times.after),
    ],
    goals: [
      {
        what: "other tenants' runs, times their time alone",
        goal: 1.5,
        measured: round(quantile(times.during, 0.5) / median),
        atLeast: false,
      },
    ],
    notes: [
      `one run after the other; the model is a server in this process that answers at once; load ${loadNow()}`,
      `${came} runs came and left; each is a whole run, with its events and its frames, on the same cores`,
    ],
  };
}

/** A tenant's clients who ask, wait for a while and leave, and ask again. */
class Crowd {
  private readonly clients: readonly Promise<void>[];
  private stopped = false;
  private came = 0;

  constructor(victim: Member) {
    this.clients = Array.from({ length: HANGING }, (_, at) => this.client(victim, at));
  }

  /** How many runs there were. */
  async stop(): Promise<number> {
    this.stopped = true;
    await Promise.all(this.clients);
    return this.came;
  }

  private async client(victim: Member, at: number): Promise<void> {
    const random = new Random(1, at);
    while (!this.stopped) {
      const stream = await hang(victim, at);
      this.came += 1;
      await new Promise((resolve) => setTimeout(resolve, random.below(LONGEST_STAY_MS)));
      stream.leave();
    }
  }
}

/** Asks as one tenant, which has the demo corpus. */
class Member {
  private constructor(
    private readonly url: string,
    private readonly token: string,
  ) {}

  static async of({ url = '', platform }: RunningServer, tenantId: string): Promise<Member> {
    const { api_key: token } = await createKey(platform, { tenantId, role: 'admin', name: 'bench' });
    await seedDemo(new Client({ url, token }));
    return new Member(url, token);
  }

  async ask(session: string, message: string): Promise<EventStream> {
    const leaving = new AbortController();
    const headers = { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ session_id: session, corpus_id: demoCorpusId, message });
    const response = await fetch(`${this.url}/v1/run`, { method: 'POST', headers, body, signal: leaving.signal });
    return new EventStream(response, leaving);
  }
}

function hang(victim: Member, at: number): Promise<EventStream> {
  return victim.ask(`s${at}`, 'hang');
}

/** Ms of one whole run in a conversation of its own; throws when it is not answered by the model. */
async function timed(member: Member): Promise<number> {
  const began = performance.now();
  const frames = await (await member.ask(randomUUID(), demoQuestion)).rest();
  const took = performance.now() - began;
  const final = frames.find(({ type }) => type === 'message.final')?.data;
  if (final?.['degraded'] !== false) throw new Error(`a run was not answered: ${JSON.stringify(final)}`);
  return took;
}
