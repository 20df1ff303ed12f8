import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { HashingEmbedder } from '#infra/adapters/embedding/hashing-embedder.js';
import { Database } from '#infra/database/database.js';
import { CPU_NOTE, cpuColumns, cpuOf } from './databases.js';
import { startProduct, type ServerProcess } from './processes.js';
import { loadNow, round, type BenchContext, type BenchTable } from './report.js';
import { spread } from './spread.js';
import { Words } from './words.js';

const DOCUMENTS = 3_000;
/** Documents before those that count: a young process is still compiling. */
const WARM_UP = 1_500;
/** Words of one document: the mean of the Cranfield abstracts. */
const LENGTH = 165;
const CALLERS = 16;
const WRITERS = 8;
const CORPUS = 'bench';

/** Documents handed in one by one over HTTP until the last can be found, beside what only embeds and inserts them. */
export async function ingestionSection(context: BenchContext): Promise<readonly BenchTable[]> {
  const words = new Words(DOCUMENTS);
  const texts = Array.from({ length: WARM_UP + DOCUMENTS }, () => words.text(LENGTH));
  const raw = await rawRate(await context.database({ migrated: true }), texts);
  context.say(`raw ${round(raw)} documents/s`);
  const env = { RATE_LIMIT_ENABLED: 'false', LOG_LEVEL: 'warn' };
  const product = await startProduct(await context.database({ migrated: false }), env);
  try {
    const { accepted, found, cpu } = await productRate(product, texts);
    return [
      {
        title: `Ingestion of ${DOCUMENTS} documents of ${LENGTH} words`,
        rows: [
          { what: 'embed and insert alone', 'documents/s': round(raw), 'x raw': 1 },
          { what: 'accepted', 'documents/s': round(accepted), 'x raw': round(accepted / raw) },
          {
            what: 'accepted, cut, indexed and found',
            'documents/s': round(found),
            'x raw': round(found / raw),
            ...cpu,
          },
        ],
        goals: [{ what: 'documents/s until they are found', goal: 300, measured: round(found), atLeast: true }],
        notes: [
          `${CALLERS} callers, one document a call, one process of the product with the defaults; load ${loadNow()}`,
          `Raw: one row a document with its text in clear and its vector, ${WRITERS} connections, each row its own commit.`,
          CPU_NOTE,
        ],
      },
    ];
  } finally {
    await product.stop();
  }
}

/** Rows of a text and its vector, each committed by itself, with no index but the key. */
async function rawRate(url: string, texts: readonly string[]): Promise<number> {
  const database = await Database.open({ url });
  const embedder = new HashingEmbedder();
  try {
    await database.execute('create table raw (id int primary key, body text, embedding halfvec(384))');
    const write = async (at: number): Promise<void> => {
      const text = texts[at] ?? '';
      const [vector = new Float32Array()] = await embedder.embed([text]);
      const values = [at, text, `[${Array.from(vector).join(',')}]`];
      await database.execute('insert into raw values ($1, $2, $3::halfvec)', values);
    };
    await spread(WARM_UP, 0, WRITERS, write);
    const began = performance.now();
    await spread(DOCUMENTS, WARM_UP, WRITERS, write);
    return DOCUMENTS / seconds(began);
  } finally {
    await database.close();
  }
}

async function productRate({ url, apiKey, databaseUrl, pid }: ServerProcess, texts: readonly string[]) {
  const caller = new Caller(url, apiKey);
  await caller.call('POST', '/v1/corpora', { id: CORPUS, name: CORPUS });
  const submit = (at: number): Promise<unknown> =>
    caller.call('POST', '/v1/documents/text', { corpus_id: CORPUS, document_id: `d${at}`, text: texts[at] });
  await spread(WARM_UP, 0, CALLERS, submit);
  await caller.settled(WARM_UP);
  const began = performance.now();
  const untilFound = async (): Promise<number> => {
    await spread(DOCUMENTS, WARM_UP, CALLERS, submit);
    const accepted = DOCUMENTS / seconds(began);
    await caller.settled(WARM_UP + DOCUMENTS);
    return accepted;
  };
  const { result: accepted, ...cpu } = await cpuOf(databaseUrl, untilFound, pid);
  return { accepted, found: DOCUMENTS / seconds(began), cpu: cpuColumns(cpu, DOCUMENTS) };
}

/** A client with kept connections. */
class Caller {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: CALLERS });

  constructor(
    private readonly url: string,
    private readonly token: string,
  ) {}

  call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers = { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' };
    return new Promise((resolve, reject) => {
      const asked = request(`${this.url}${path}`, { method, agent: this.agent, headers }, (answer) => {
        let text = '';
        answer.on('data', (data: Buffer) => (text += data.toString()));
        answer.on('error', reject);
        answer.on('end', () => {
          const status = answer.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(JSON.parse(text) as T);
          else reject(new Error(`${method} ${path} was answered with ${status}: ${text}`));
        });
      });
      asked.on('error', reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Waits until as many documents have been indexed as were handed in. */
  async settled(count: number): Promise<void> {
    for (;;) {
      const {
        data: { facets },
      } = await this.call<Facets>('GET', `/v1/ui/documents?corpus_id=${CORPUS}&limit=1`);
      const of = (status: string): number => facets.status.find(({ value }) => value === status)?.count ?? 0;
      if (of('failed') > 0) throw new Error(`${of('failed')} ingestions failed`);
      if (of('succeeded') === count) return;
      await delay(200);
    }
  }
}

interface Facets {
  readonly data: {
    readonly facets: { readonly status: readonly { readonly value: string; readonly count: number }[] };
  };
}

function seconds(began: number): number {
  return (performance.now() - began) / 1000;
}
