import { sessionSubject } from '#domain/capabilities/sessions/sessions.decider.js';
import type { ContentRef, ContentStore } from '#infra/content/content-store.js';
import type { RetrievalTrace } from '#infra/retrieval/found.js';
import type { StreamKey } from '#infra/recorded-streams/stream-writer.js';
import type { RunAsked } from './run-admission.handler.js';

/** A question that is being answered. */
interface RunOf {
  readonly key: StreamKey;
  readonly asked: RunAsked;
}

export interface FailureTracesDeps {
  readonly content: Pick<ContentStore, 'put'>;
  readonly onError: (error: unknown, runId: string) => void;
}

/** What was retrieved for runs under way, kept for those that fail: why they answered nothing can be looked into. */
export class FailureTraces {
  private readonly found = new WeakMap<RunOf, RetrievalTrace>();

  constructor(private readonly deps: FailureTracesDeps) {}

  note(run: RunOf, trace: RetrievalTrace): void {
    this.found.set(run, trace);
  }

  /** Under the key of the conversation; null where nothing was retrieved, or where it cannot be kept: the failure is told anyway. */
  async keep(run: RunOf): Promise<ContentRef | null> {
    const trace = this.found.get(run);
    if (trace === undefined) return null;
    const { key, asked } = run;
    const subject = sessionSubject(key.tenantId, asked.conversation.id, asked.conversation.life);
    const bytes = new TextEncoder().encode(JSON.stringify({ trace }));
    return this.deps.content.put(subject, 'run-trace', bytes).catch((error: unknown) => {
      this.deps.onError(error, key.streamId);
      return null;
    });
  }
}
