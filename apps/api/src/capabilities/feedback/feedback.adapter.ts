import { sessionSubject } from '#domain/capabilities/sessions/sessions.decider.js';
import type { CallerContext } from '#api/http/caller.js';
import { derivedId } from '#infra/commands/ids.js';
import type { ContentRef, ContentStore } from '#infra/content/content-store.js';

/** Stores what people write of an answer under the key of its session, so that it goes with it. */
export class FeedbackComments {
  constructor(private readonly content: ContentStore) {}

  /** The same request stores it once. */
  async keep(
    run: { readonly tenant_id: string; readonly session: string; readonly life: number },
    text: string,
    caller: CallerContext,
  ): Promise<ContentRef> {
    const subject = sessionSubject(run.tenant_id, run.session, run.life);
    const bytes = new TextEncoder().encode(JSON.stringify({ text }));
    const id = derivedId(caller.facts.commandId, 'comment');
    const [ref] = await this.content.putMany([{ subject, kind: 'feedback-comment', bytes, id }]);
    if (ref === undefined) throw new Error('the content store gave no reference');
    return ref;
  }
}
