import { decide, PolicySet, type StoredPolicy } from '#domain/capabilities/authorization/policies.ports.js';
import { chunkText } from '#domain/kernel/text/chunker.js';
import { readableDocuments } from '#infra/authorization/document-predicate.js';
import { Database } from '#infra/database/database.js';
import type { Passage } from '#infra/retrieval/passage.js';
import { Retriever } from '#infra/retrieval/retriever.js';
import { Library, testCipher } from '#test/retrieval/library.js';
import { cpuOf } from './databases.js';
import { loadNow, quantile, round, type BenchContext, type BenchRow, type BenchTable } from './report.js';
import { spread } from './spread.js';
import { Words } from './words.js';

const CHUNKS = 100_000;
const CHUNKS_OF_DOCUMENT = 10;
/** Of every hundred documents a reader may read one. */
const READERS = 100;
const COMPARED = 200;
const QUERIES = 10_000;
const POLICIES = 200;

interface Layout {
  readonly tenants: number;
  readonly queries: number;
}

/** Searches by readers who may read one document in a hundred, and the cost of one decision by policies. */
export async function authorizationSection(context: BenchContext): Promise<readonly BenchTable[]> {
  const rows: BenchRow[] = [];
  for (const layout of [
    { tenants: 50, queries: QUERIES },
    { tenants: 1, queries: 1_000 },
  ]) {
    rows.push(await searched(context, layout));
    context.say(JSON.stringify(rows.at(-1)));
  }
  const [many] = rows;
  const table: BenchTable = {
    title: `Searches over ${CHUNKS} chunks by readers of 1 % of the documents`,
    rows,
    goals: [
      { what: 'recall@10 against an exact scan', goal: 0.95, measured: Number(many?.['recall@10']), atLeast: true },
      { what: 'ms at p95', goal: 30, measured: Number(many?.['p95 ms']), atLeast: false },
      { what: 'forbidden passages', goal: 0, measured: Number(many?.['forbidden']), atLeast: false },
    ],
    notes: [`Recall over ${COMPARED} queries; forbidden: found passages of all queries that the reader may not read.`],
  };
  return [table, await decided(context)];
}

async function searched(context: BenchContext, { tenants, queries }: Layout): Promise<BenchRow> {
  const database = await Database.open({ url: await context.database({ migrated: true }) });
  try {
    const library = await Library.open(database, { cipher: testCipher(Buffer.alloc(32, 3)), buildFrom: 500 });
    const words = new Words(tenants);
    await fill(library, tenants, words);
    await library.indexes.ensure();
    await database.query('vacuum analyze');
    const [asWritten, exact] = [searcher(library), searcher(library, Number.MAX_SAFE_INTEGER)];
    const times: number[] = [];
    const recalls: number[] = [];
    let forbidden = 0;
    for (let at = 0; at < queries; at += 1) {
      const [tenant, reader, text] = [words.below(tenants), words.below(READERS), words.text(8)];
      const began = performance.now();
      const found = await ask(asWritten, tenant, reader, text);
      times.push(performance.now() - began);
      forbidden += found.filter(({ documentId }) => readerOf(documentId) !== reader).length;
      if (at < COMPARED) recalls.push(recall(await ask(exact, tenant, reader, text), found));
    }
    return {
      tenants,
      queries,
      'p50 ms': quantile(times, 0.5),
      'p95 ms': quantile(times, 0.95),
      'p99 ms': quantile(times, 0.99),
      'recall@10': round(recalls.reduce((sum, value) => sum + value, 0) / recalls.length, 3),
      forbidden,
      load: loadNow(),
    };
  } finally {
    await database.close();
  }
}

async function fill(library: Library, tenants: number, words: Words): Promise<void> {
  const { database, index } = library;
  await database.query(`create table read.document_acls_v1
    (tenant_id text, id text, readers text[] not null, guests jsonb, primary key (tenant_id, id))`);
  await spread(CHUNKS / CHUNKS_OF_DOCUMENT, 0, 8, async (at) => {
    const [tenantId, documentId] = [`t${at % tenants}`, `d${Math.floor(at / tenants)}`];
    const text = Array.from({ length: CHUNKS_OF_DOCUMENT }, () => words.text(110)).join('\n\n');
    const chunks = chunkText(text, { size: 500, overlap: 0 }).slice(0, CHUNKS_OF_DOCUMENT);
    await index.write({ tenantId, corpusId: 'c', documentId: `uid-${documentId}`, versionId: 'v1' }, chunks);
    await index.tidy(tenantId, 'c');
    await library.publish(tenantId, 'c', documentId);
    await database.execute('insert into read.document_acls_v1 values ($1, $2, $3)', [
      tenantId,
      `uid-${documentId}`,
      [`user:r${readerOf(documentId)}`],
    ]);
  });
}

/** Who may read a document. */
function readerOf(documentId: string): number {
  return Number(documentId.replace(/^(?:uid-)?d/u, '')) % READERS;
}

function searcher({ parts, indexes }: Library, exactUpTo?: number): Retriever {
  const tuning = exactUpTo === undefined ? {} : { exactUpTo };
  return new Retriever({ ...parts, documents: { name: 'read.documents_v1' }, indexes, tuning });
}

function ask(retriever: Retriever, tenant: number, reader: number, query: string): Promise<Passage[]> {
  const mayRead = readableDocuments({
    grantee: { subjectId: `r${reader}`, role: 'reader', apiKeyId: 'key', groups: [] },
    policies: undefined,
    facts: {},
    defaultDeny: true,
    now: new Date().toISOString(),
    acls: 'read.document_acls_v1',
  });
  return retriever.retrieve({ tenantId: `t${tenant}`, corpusId: 'c', query, k: 10, mayRead });
}

function recall(exact: readonly Passage[], found: readonly Passage[]): number {
  const ids = new Set(found.map(({ chunkId }) => chunkId));
  return exact.length === 0 ? 1 : exact.filter(({ chunkId }) => ids.has(chunkId)).length / exact.length;
}

/** One decision on one document under policies whose conditions all have to be looked at. */
async function decided(context: BenchContext): Promise<BenchTable> {
  const set = new PolicySet(Array.from({ length: POLICIES }, (_, at) => policy(at)));
  const policies = set.of('document.read');
  const facts = {
    principal: { id: 'ada', tenant_id: 't', role: 'reader', groups: ['cooks'] },
    request: { time: '2026-06-01T12:00:00.000Z' },
    resource: { id: 'd1', tenant_id: 't', corpus_id: 'c', labels: { team: 'docs', level: 3 }, metadata: {} },
  };
  const decisions = 200_000;
  const turn = (): void => {
    for (let at = 0; at < decisions; at += 1) decide(policies, facts, true);
  };
  turn();
  const { clientMs } = await cpuOf(await context.database({ migrated: false }), async () => turn());
  const micros = round((clientMs * 1_000) / decisions);
  return {
    title: `A decision under ${POLICIES} policies`,
    rows: [{ 'µs of processor time': micros, allowed: String(decide(policies, facts, true).allowed), load: loadNow() }],
    goals: [{ what: 'µs a decision', goal: 20, measured: micros, atLeast: false }],
  };
}

function policy(at: number): StoredPolicy {
  const condition = {
    all: [
      { eq: [{ var: 'resource.labels.team' }, at === POLICIES - 1 ? 'docs' : `team ${at}`] },
      { in: [{ var: 'principal.role' }, ['reader', 'editor']] },
    ],
  };
  const effect = at % 2 === 0 ? 'deny' : 'allow';
  return {
    policyId: `p${at}`,
    effect,
    resourceType: 'document',
    action: 'read',
    condition,
    priority: at,
    enabled: true,
  };
}
