import type { runRows } from '#domain/capabilities/runs/runs.projection.js';
import type { SessionRow } from '#domain/capabilities/sessions/sessions.projection.js';
import type { RowOf } from '#domain/kernel/projection.js';
import { decodeCursor, encodeCursor, Page } from '#api/http/paging.js';
import type { Citation } from '#infra/adapters/llm/answerer.js';
import type { ContentStore } from '#infra/content/content-store.js';
import type { ReadModel } from '#infra/read-models/read-models.js';
import type { VisibilityPredicate } from '#infra/retrieval/retrieval-sql.js';
import type { MessageCitation, MessageListQuery, MessageView } from './sessions.contract.js';

type RunRow = RowOf<typeof runRows.columns>;

export interface MessageSource {
  readonly rows: ReadModel<RunRow>;
  readonly content: ContentStore;
  readonly session: SessionRow;
  /** The only corpora that the caller may see. */
  readonly corpora: string | { readonly in: readonly string[] } | undefined;
  /** The runs that policies let the caller see; undefined: all. */
  readonly visible: VisibilityPredicate | undefined;
}

/** A question, or the answer to it. */
interface Message {
  readonly row: RunRow;
  readonly role: 'user' | 'assistant';
}

/** After every position that begins with it. */
const LAST = '~';

/** Questions and answers in the order in which they were asked, which is that of the log. */
export async function messagesOf(source: MessageSource, query: MessageListQuery): Promise<Page<MessageView>> {
  const { rows, session, corpora, visible } = source;
  const { order, limit, cursor } = query;
  const filters = ['messages', session.tenant_id, session.id, session.life, order];
  const after = decodeCursor(cursor, filters);
  const from = after === undefined ? undefined : String(after[0]);
  const range = order === 'asc' ? { from: from ?? '' } : { before: `${from ?? LAST}${LAST}` };
  const page = await rows.page(session.tenant_id, {
    where: {
      session: session.id,
      life: session.life,
      position: range,
      ...(corpora === undefined ? {} : { corpus_id: corpora }),
    },
    visible,
    orderBy: [['position', order]],
    limit: limit + 1,
  });
  const all = page.rows.flatMap((row) => messagesIn(row, order));
  const at = all.findIndex(({ row, role }) => row.position === from && role === after?.[1]);
  const left = all.slice(at + 1);
  const shown = left.slice(0, limit);
  const last = shown.at(-1);
  const next = left.length > limit && last !== undefined ? encodeCursor([last.row.position, last.role], filters) : null;
  return new Page(await opened(source, shown), next);
}

function messagesIn(row: RunRow, order: 'asc' | 'desc'): readonly Message[] {
  const question: Message = { row, role: 'user' };
  if (row.status !== 'succeeded') return [question];
  const answer: Message = { row, role: 'assistant' };
  return order === 'asc' ? [question, answer] : [answer, question];
}

async function opened({ content, session }: MessageSource, messages: readonly Message[]): Promise<MessageView[]> {
  const ids = messages.flatMap((message) => contentIdOf(message) ?? []);
  const contents = await content.getMany(session.tenant_id, ids);
  return messages.map((message) => viewOf(message, contents.get(contentIdOf(message) ?? '')));
}

function contentIdOf({ row, role }: Message): string | null {
  return role === 'user' ? row.message_content_id : row.answer_content_id;
}

function viewOf({ row, role }: Message, bytes: Uint8Array | undefined): MessageView {
  const answers = role === 'assistant';
  return {
    id: `${row.id}.${role}`,
    run_id: row.id,
    role,
    text: textOf(bytes) ?? null,
    citations: answers ? citationsIn(bytes).map(citationView) : [],
    status: row.status,
    degraded: answers ? row.degraded : null,
    reason_code: answers ? row.reason_code : null,
    created_at: answers ? (row.ended_at ?? row.started_at) : row.started_at,
  };
}

/** The text of a stored message; undefined when it was erased. */
export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : (JSON.parse(new TextDecoder().decode(bytes)) as { text: string }).text;
}

/** What a stored answer cites. */
export function citationsIn(bytes: Uint8Array | undefined): readonly Citation[] {
  if (bytes === undefined) return [];
  return (JSON.parse(new TextDecoder().decode(bytes)) as { citations?: readonly Citation[] }).citations ?? [];
}

/** A citation as it is shown. Those that were stored before pages were known have none. */
export function citationView(citation: Citation): MessageCitation {
  const { source, document_id, chunk_id, start, end, score } = citation;
  const { page_start = null, page_end = null } = citation as Partial<Citation>;
  return { source, document_id, chunk_id, start, end, page_start, page_end, score };
}
