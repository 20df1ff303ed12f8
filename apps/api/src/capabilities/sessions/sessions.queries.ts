import type { ActionOf } from '#domain/capabilities/authorization/pairs.ports.js';
import { runRows } from '#domain/capabilities/runs/runs.projection.js';
import { sessionErrors } from '#domain/capabilities/sessions/sessions.decider.js';
import { sessionRows, type SessionRow } from '#domain/capabilities/sessions/sessions.projection.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { addMillis } from '#domain/kernel/time.js';
import type { Authorization } from '#api/commands/authorization.js';
import type { ReadYourWrites } from '#api/commands/read-your-writes.js';
import type { CallerContext } from '#api/http/caller.js';
import { seesCorpus, visibleCorpora } from '#api/http/corpus-scope.js';
import { decodeCursor, encodeCursor, Page } from '#api/http/paging.js';
import { mayActAs } from '#api/http/principal.js';
import type { ContentStore } from '#infra/content/content-store.js';
import type { ReadModels, Selection } from '#infra/read-models/read-models.js';
import { isOfCaller, sessionIdFor } from '#api/commands/conversations.js';
import { messagesOf, textOf } from './session-messages.adapter.js';
import type { MessageListQuery, MessageView, SessionListQuery, SessionView } from './sessions.contract.js';

const BATCH = 500;
/** What is sealed can not be looked up, only opened and looked through: so many at once. */
const SEARCHED = 5_000;

interface Titled {
  readonly row: SessionRow;
  readonly title: string | null;
}

/** What is known of conversations. Titles and messages are opened here, at the edge, and nowhere else. */
export class SessionQueries {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
    private readonly content: ContentStore,
    private readonly authorization: Authorization,
  ) {}

  /** Those that are used last come first. */
  async list(query: SessionListQuery, caller: CallerContext): Promise<Page<SessionView>> {
    await this.reads.before(sessionRows.table, caller);
    const { limit, cursor, q } = query;
    const where = whereOf(query, caller);
    const filters = ['sessions', caller.tenantId, where, q ?? null];
    const after = placeOf(decodeCursor(cursor, filters));
    const selected = { where, visible: await this.authorization.visibleRuns(caller) };
    const found: Titled[] = [];
    let seen: SessionRow | undefined;
    let looked = 0;
    for await (const each of this.newestFirst(caller.tenantId, selected, after, q === undefined ? limit : BATCH)) {
      if (seen !== undefined && (found.length === limit || looked === SEARCHED))
        return new Page(found.map(viewOf), encodeCursor([seen.last_seen_at, seen.id], filters));
      seen = each.row;
      looked += 1;
      if (matches(each, q)) found.push(each);
    }
    return new Page(found.map(viewOf), null);
  }

  async get(id: string, caller: CallerContext, to: ActionOf<'run'> = 'read'): Promise<SessionView> {
    const [session] = await this.titled(caller.tenantId, [await this.find(id, to, caller)]);
    return viewOf(session as Titled);
  }

  /** What was said in the session, a page at a time; nothing of runs that the caller may not read. */
  async messages(id: string, query: MessageListQuery, caller: CallerContext): Promise<Page<MessageView>> {
    const session = await this.find(id, 'read', caller);
    await this.reads.before(runRows.table, caller);
    const rows = this.models.for(runRows);
    const visible = await this.authorization.visibleRuns(caller);
    return messagesOf({ rows, content: this.content, session, corpora: visibleCorpora(caller), visible }, query);
  }

  /** By its id, or by the name that the caller gave it, where policies allow this; `deleted`: one that is gone, too. */
  async find(id: string, to: ActionOf<'run'>, caller: CallerContext, deleted = false): Promise<SessionRow> {
    await this.reads.before(sessionRows.table, caller);
    const { tenantId, principal } = caller;
    const rows = this.models.for(sessionRows);
    const row =
      (await rows.find(tenantId, id)) ?? (await rows.find(tenantId, sessionIdFor(tenantId, principal.subjectId, id)));
    const shown = row !== undefined && (deleted || !row.deleted) && isOfCaller(row.user_id, caller);
    if (!shown || !seesCorpus(caller, row.corpus_id)) throw new CatalogueError(sessionErrors.notFound);
    await this.authorization.run(to, row, caller);
    return row;
  }

  private async *newestFirst(
    tenantId: string,
    { where, visible }: Selection<SessionRow>,
    after: Place | undefined,
    batch: number,
  ): AsyncIterable<Titled> {
    const until = after === undefined ? {} : { last_seen_at: { before: addMillis(after.at, 1) } };
    let cursor: string | undefined;
    do {
      const page = await this.models.for(sessionRows).page(tenantId, {
        where: { ...where, ...until },
        visible,
        orderBy: [['last_seen_at', 'desc']],
        limit: Math.min(BATCH, batch + 1),
        cursor,
      });
      const rows = page.rows.filter((row) => after === undefined || isAfter(row, after));
      yield* await this.titled(tenantId, rows);
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
  }

  private async titled(tenantId: string, rows: readonly SessionRow[]): Promise<readonly Titled[]> {
    const ids = rows.flatMap(({ title_content_id: id }) => id ?? []);
    const contents = await this.content.getMany(tenantId, ids);
    return rows.map((row) => ({ row, title: textOf(contents.get(row.title_content_id ?? '')) ?? null }));
  }
}

interface Place {
  readonly at: string;
  readonly id: string;
}

function placeOf(after: readonly (string | number)[] | undefined): Place | undefined {
  return after === undefined ? undefined : { at: String(after[0]), id: String(after[1]) };
}

function isAfter({ last_seen_at: at, id }: SessionRow, place: Place): boolean {
  return at < place.at || (at === place.at && id < place.id);
}

/** What the caller may see, of what was asked for. */
function whereOf({ corpus_id }: SessionListQuery, caller: CallerContext) {
  const { role, subjectId } = caller.principal;
  const corpusId = visibleCorpora(caller, corpus_id);
  return {
    deleted: false,
    ...(mayActAs(role, 'admin') ? {} : { user_id: subjectId }),
    ...(corpusId === undefined ? {} : { corpus_id: corpusId }),
  };
}

function matches({ row, title }: Titled, q: string | undefined): boolean {
  if (q === undefined) return true;
  const part = q.toLowerCase();
  return row.session_id.toLowerCase().includes(part) || (title?.toLowerCase().includes(part) ?? false);
}

function viewOf({ row, title }: Titled): SessionView {
  return {
    id: row.id,
    session_id: row.session_id,
    user_id: row.user_id === '' ? null : row.user_id,
    title,
    corpus_id: row.corpus_id,
    runs: row.runs_started,
    created_at: row.created_at,
    last_seen_at: row.last_seen_at,
  };
}
