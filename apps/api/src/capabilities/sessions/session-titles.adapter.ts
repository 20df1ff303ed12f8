import { sessionSubject } from '#domain/capabilities/sessions/sessions.decider.js';
import type { SessionRow } from '#domain/capabilities/sessions/sessions.projection.js';
import type { CallerContext } from '#api/http/caller.js';
import { derivedId } from '#infra/commands/ids.js';
import type { ContentRef, ContentStore } from '#infra/content/content-store.js';

/** Stores what people write about a session under the session's key, so that it goes with it. */
export class SessionTitles {
  constructor(private readonly content: ContentStore) {}

  /** The same request stores it once. */
  async keep(row: SessionRow, title: string, caller: CallerContext): Promise<ContentRef> {
    const subject = sessionSubject(row.tenant_id, row.id, row.life);
    const bytes = new TextEncoder().encode(JSON.stringify({ text: title }));
    const id = derivedId(caller.facts.commandId, 'title');
    const [ref] = await this.content.putMany([{ subject, kind: 'session-title', bytes, id }]);
    if (ref === undefined) throw new Error('the content store gave no reference');
    return ref;
  }
}
