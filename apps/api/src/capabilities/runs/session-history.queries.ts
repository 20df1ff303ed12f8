import { LOCAL_PROVIDER } from '#domain/capabilities/corpora/provider-config.decider.js';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import { runs } from '#domain/capabilities/runs/runs.decider.js';
import { runRows } from '#domain/capabilities/runs/runs.projection.js';
import { sessionSubject } from '#domain/capabilities/sessions/sessions.decider.js';
import type { Citation, Turn } from '#infra/adapters/llm/answerer.js';
import { Gathered } from '#infra/batching/gathered.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { idFor } from '#infra/commands/ids.js';
import type { ContentStore } from '#infra/content/content-store.js';
import { hidden, type Database } from '#infra/database/database.js';
import { viewName } from '#infra/projections/read-table.js';
import type { RetrievalTrace } from '#infra/retrieval/found.js';
import { Params } from '#infra/retrieval/retrieval-sql.js';
import type { Remembered, RunInput, Sources } from './run-steps.adapter.js';

const HISTORY_TURNS = 10;
/** What of a conversation goes into a prompt at most, in characters; the newest turns that fit. */
const HISTORY_CHARS = 24_000;
/** How many corpora and documents it may come from, those of what it remembered itself counted; a conversation forgets where they are more. */
const HISTORY_SOURCES = 1_000;

type Asked = Pick<RunInput, 'tenantId' | 'runId' | 'conversation' | 'corpora' | 'mayAsk' | 'mayRead' | 'recalls'>;

/** An answered question, or a run whose end the read model does not show yet. */
interface RunRow {
  readonly at: number;
  readonly id: string;
  readonly shown: boolean;
  readonly corpus: string | null;
  readonly message: string | null;
  readonly answer: string | null;
}

interface Exchange {
  readonly corpus: string;
  readonly message: string;
  readonly answer: string;
}

/** A whole turn, and all that its answer was made of. */
interface Said {
  readonly question: string;
  readonly answer: string;
  readonly from: Sources;
}

/** As it is stored. Answers of before have no trace, or say nothing of what they remembered. */
interface StoredAnswer {
  readonly text: string;
  readonly citations?: readonly Citation[];
  readonly trace?: RetrievalTrace;
  readonly remembered?: Sources;
}

const arrays = ['text', 'text', 'int', 'text', 'text', 'jsonb']
  .map((type, at) => hidden(`$${at + 1}::${type}[]`))
  .join();
const rowsOf = viewName(runRows.table, runRows.version);
const documentsOf = viewName(documentRows.table, documentRows.version);

/**
 * Of each conversation its last answered questions, and its last runs that the read model shows as running or not at all,
 * newest first by their order in the log. The streams know every run of a conversation before anyone is told of it.
 */
const RUNS = `
  select (w.place - 1)::int as at, r.id, r.shown, r.corpus, r.message, r.answer
    from unnest(${arrays}) with ordinality
         w(tenant_id, session, life, subject_kind, subject_id, corpora, place)
   cross join lateral (
     (select id, true as shown, corpus_id as corpus, message_content_id as message, answer_content_id as answer, position,
             null::timestamptz as opened_at
        from ${rowsOf} r
       where r.tenant_id = w.tenant_id and r.session = w.session and r.life = w.life and r.status = 'succeeded'
         and r.forgotten_at is null and (w.corpora is null or w.corpora ? r.corpus_id)
       order by r.position desc limit ${HISTORY_TURNS})
     union all
     select s.stream_id::text, false, null, null, null, r.position, s.created_at
       from (select * from streams.stream s
              where s.tenant_id = w.tenant_id and s.subject_kind = w.subject_kind and s.subject_id = w.subject_id
              order by s.created_at desc limit ${HISTORY_TURNS}) s
       left join ${rowsOf} r on r.tenant_id = s.tenant_id and r.id = s.stream_id::text
      where r.id is null or r.status = 'running') r
   order by w.place, r.position desc nulls first, r.opened_at desc`;

/** What was said in a conversation before. */
export class SessionHistory {
  private readonly runs: Gathered<Asked, readonly RunRow[]>;

  constructor(
    private readonly database: Database,
    private readonly content: ContentStore,
    private readonly path: CommandPath,
  ) {
    this.runs = new Gathered((asked) => database.detached(() => this.runsOf(asked)));
  }

  /**
   * The last answered questions of a conversation, oldest first, by their order in the log: whole turns, and no more than fit.
   * A question without an answer is none, nor is what was erased. What the caller may not ask or read any more is left out.
   */
  async turns(input: Asked): Promise<Remembered> {
    const rows = await this.runs.add(input);
    const all = await Promise.all(rows.map((row) => this.exchange(row, input)));
    const exchanges = all.filter((exchange) => exchange !== undefined).slice(0, HISTORY_TURNS);
    const said = await Promise.all(exchanges.map((exchange) => this.said(exchange, input)));
    const whole = said.filter((turn) => turn !== undefined);
    return remembered(await this.allowed(whole, input));
  }

  private async exchange(row: RunRow, asked: Asked): Promise<Exchange | undefined> {
    const said = row.shown ? shownIn(row) : await this.untold(row, asked);
    if (said === undefined) return undefined;
    return (await asked.recalls({ id: row.id, corpus_id: said.corpus })) ? said : undefined;
  }

  /** What the read model does not show yet, the log says. */
  private async untold({ id }: RunRow, { tenantId, runId, corpora }: Asked): Promise<Exchange | undefined> {
    if (id === runId) return undefined;
    const run = await this.path.load(runs, tenantId, id);
    if (run.status !== 'ended' || run.completed === undefined || run.forgotten === true) return undefined;
    const { corpusId: corpus, message } = run.asked;
    if (corpora !== null && !corpora.includes(corpus)) return undefined;
    return { corpus, message: message.id, answer: run.completed.answer.id };
  }

  private async said({ corpus, message, answer }: Exchange, { tenantId }: Asked): Promise<Said | undefined> {
    const [asked, told] = await Promise.all([message, answer].map((id) => this.content.get(tenantId, id)));
    if (asked === undefined || told === undefined) return undefined;
    const { text: question } = storedIn<{ text: string }>(asked);
    const stored = storedIn<StoredAnswer>(told);
    return { question, answer: stored.text, from: sourcesOf(corpus, stored) };
  }

  /** What comes from nothing that the caller may not ask or read now. */
  private async allowed(said: readonly Said[], input: Asked): Promise<readonly Said[]> {
    const all = unionOf(said);
    const [corpora, documents] = await Promise.all([
      this.askable(all.corpora, input),
      this.readable(all.documents, input),
    ]);
    return said.filter(
      ({ from }) => from.corpora.every((id) => corpora.has(id)) && from.documents.every((id) => documents.has(id)),
    );
  }

  private async askable(ids: readonly string[], { corpora, mayAsk }: Asked): Promise<ReadonlySet<string>> {
    const verdicts = await Promise.all(ids.map(async (id) => corpora?.includes(id) !== false && (await mayAsk(id))));
    return new Set(ids.filter((_, at) => verdicts[at]));
  }

  /** Those that are there, of what the caller may read. */
  private async readable(ids: readonly string[], { tenantId, mayRead }: Asked): Promise<ReadonlySet<string>> {
    if (ids.length === 0) return new Set();
    const { next, values } = new Params();
    const uids = ids.map((id) => idFor('documents', tenantId, id));
    const text = `select d.document_id as id from ${documentsOf} d
      where d.tenant_id = ${next(tenantId)} and d.id = any(${next(uids)}::text[])
        and (${mayRead === undefined ? 'true' : mayRead('d', next)})`;
    const { database } = this;
    const found = await (mayRead?.varies === true
      ? database.query<{ id: string }>(text, values)
      : database.queryTogether<{ id: string }>(text, values));
    return new Set(found.map(({ id }) => id));
  }

  private async runsOf(asked: readonly Asked[]): Promise<readonly (readonly RunRow[])[]> {
    const subjects = asked.map(({ tenantId, conversation: { id, life } }) => sessionSubject(tenantId, id, life));
    const rows = await this.database.queryPrepared<RunRow>(RUNS, [
      asked.map(({ tenantId }) => tenantId),
      asked.map(({ conversation }) => conversation.id),
      asked.map(({ conversation }) => conversation.life),
      subjects.map(({ kind }) => kind),
      subjects.map(({ id }) => id),
      asked.map(({ corpora }) => (corpora === null ? null : JSON.stringify(corpora))),
    ]);
    const found = asked.map((): RunRow[] => []);
    for (const row of rows) found[row.at]?.push(row);
    return found;
  }
}

function storedIn<T>(bytes: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(bytes)) as T;
}

/** The documents of a store outside have no permissions here: whoever may ask its corpus may read them. */
function sourcesOf(corpus: string, { citations = [], trace, remembered }: StoredAnswer): Sources {
  const given = trace?.candidates.filter(({ rank }) => rank !== null).map(({ documentId }) => documentId);
  const own = given ?? citations.map(({ document_id }) => document_id);
  const documents = trace === undefined || trace.provider === LOCAL_PROVIDER ? own : [];
  return {
    corpora: [corpus, ...(remembered?.corpora ?? [])],
    documents: [...documents, ...(remembered?.documents ?? [])],
  };
}

function unionOf(said: readonly Pick<Said, 'from'>[]): Sources {
  return {
    corpora: [...new Set(said.flatMap(({ from }) => from.corpora))],
    documents: [...new Set(said.flatMap(({ from }) => from.documents))],
  };
}

/** The newest that fit, the oldest of them first. */
function remembered(said: readonly Said[]): Remembered {
  const turns: Turn[] = [];
  let from = unionOf([]);
  let left = HISTORY_CHARS;
  for (const turn of said) {
    const { question, answer } = turn;
    const both = unionOf([{ from }, turn]);
    left -= question.length + answer.length;
    if (left < 0 || both.corpora.length + both.documents.length > HISTORY_SOURCES) break;
    turns.unshift({ role: 'user', content: question }, { role: 'assistant', content: answer });
    from = both;
  }
  return { turns, from };
}

function shownIn({ corpus, message, answer }: RunRow): Exchange | undefined {
  return corpus === null || message === null || answer === null ? undefined : { corpus, message, answer };
}
