import { runs } from '#domain/capabilities/runs/runs.decider.js';
import { runRows } from '#domain/capabilities/runs/runs.projection.js';
import { sessionSubject } from '#domain/capabilities/sessions/sessions.decider.js';
import type { Turn } from '#infra/adapters/llm/answerer.js';
import { Gathered } from '#infra/batching/gathered.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import type { ContentStore } from '#infra/content/content-store.js';
import { hidden, type Database } from '#infra/database/database.js';
import type { RunInput } from './run-steps.adapter.js';

const HISTORY_TURNS = 10;
/** What of a conversation goes into a prompt at most, in characters; the newest turns that fit. */
const HISTORY_CHARS = 24_000;

type Asked = Pick<RunInput, 'tenantId' | 'runId' | 'conversation' | 'corpora'>;

/** An answered question, or a run whose end the read model does not show yet. */
interface RunRow {
  readonly at: number;
  readonly id: string;
  readonly shown: boolean;
  readonly message: string | null;
  readonly answer: string | null;
}

interface Exchange {
  readonly message: string;
  readonly answer: string;
}

const arrays = ['text', 'text', 'int', 'text', 'text', 'jsonb']
  .map((type, at) => hidden(`$${at + 1}::${type}[]`))
  .join();
const rowsOf = `read.${runRows.table}_v${runRows.version}`;

/**
 * Of each conversation its last answered questions, and its last runs that the read model shows as running or not at all,
 * newest first by their order in the log. The streams know every run of a conversation before anyone is told of it.
 */
const RUNS = `
  select (w.place - 1)::int as at, r.id, r.shown, r.message, r.answer
    from unnest(${arrays}) with ordinality
         w(tenant_id, session, life, subject_kind, subject_id, corpora, place)
   cross join lateral (
     (select id, true as shown, message_content_id as message, answer_content_id as answer, position,
             null::timestamptz as opened_at
        from ${rowsOf} r
       where r.tenant_id = w.tenant_id and r.session = w.session and r.life = w.life and r.status = 'succeeded'
         and r.forgotten_at is null and (w.corpora is null or w.corpora ? r.corpus_id)
       order by r.position desc limit ${HISTORY_TURNS})
     union all
     select s.stream_id::text, false, null, null, r.position, s.created_at
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
   * The last answered questions of a conversation in the corpora that the caller may use, oldest first, by their order in the
   * log: whole turns, and no more than fit. A question without an answer is none, nor is what was erased.
   */
  async turns(input: Asked): Promise<readonly Turn[]> {
    const rows = await this.runs.add(input);
    const all = await Promise.all(rows.map((row) => this.exchange(row, input)));
    const exchanges = all.filter((exchange) => exchange !== undefined).slice(0, HISTORY_TURNS);
    const text = async (id: string): Promise<string | undefined> => textIn(await this.content.get(input.tenantId, id));
    const said = await Promise.all(exchanges.map(({ message, answer }) => Promise.all([text(message), text(answer)])));
    const turns: Turn[] = [];
    let left = HISTORY_CHARS;
    for (const [question, answer] of said) {
      if (question === undefined || answer === undefined) continue;
      left -= question.length + answer.length;
      if (left < 0) break;
      turns.unshift({ role: 'user', content: question }, { role: 'assistant', content: answer });
    }
    return turns;
  }

  /** What the read model does not show yet, the log says. */
  private async exchange(row: RunRow, { tenantId, runId, corpora }: Asked): Promise<Exchange | undefined> {
    if (row.shown) return row.message === null || row.answer === null ? undefined : (row as Exchange);
    if (row.id === runId) return undefined;
    const run = await this.path.load(runs, tenantId, row.id);
    if (run.status !== 'ended' || run.completed === undefined || run.forgotten === true) return undefined;
    if (corpora !== null && !corpora.includes(run.asked.corpusId)) return undefined;
    return { message: run.asked.message.id, answer: run.completed.answer.id };
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

function textIn(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : (JSON.parse(new TextDecoder().decode(bytes)) as { text: string }).text;
}
