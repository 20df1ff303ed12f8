import { auditRows } from '#domain/capabilities/capabilities.js';
import { CatalogueError, type ErrorRow } from '#domain/kernel/errors.js';
import { foldRow } from '#domain/kernel/projection.js';
import { parseStream } from '#domain/kernel/streams.js';
import type { CallerContext } from '#api/http/caller.js';
import { httpErrors } from '#api/http/errors.js';
import type { SseFrame, SseStream, StreamOpener } from '#api/http/sse.js';
import type { EventLog, Position, StoredEvent } from '#infra/event-log/event-log.js';
import type { CapabilityRegistry } from '#infra/projections/registry.js';
import { readModelErrors } from '#infra/read-models/cursor.js';
import type { EventStreamQuery } from './event-stream.contract.js';
import { topicsOf, type Topics } from './event-topics.adapter.js';

export interface EventStreamParts {
  readonly log: EventLog;
  readonly registry: CapabilityRegistry;
  /** Why a caller may not listen any more; undefined while it may. */
  readonly refusal: (caller: CallerContext) => Promise<ErrorRow | undefined>;
  /** Calls back when a caller's credential or a policy changed, until the returned function is called. */
  readonly onChange: (caller: CallerContext, changed: () => void) => () => void;
  /** Most streams of this process at one time. */
  readonly maxSubscribers: number;
  readonly heartbeatMs: number;
  /** A client that takes nothing for this long is dropped. */
  readonly stallMs: number;
}

/** One open stream: what it wants, and up to where it was served. */
interface Subscriber {
  readonly caller: CallerContext;
  readonly topics: Topics;
  /** Undefined: of all tenants. */
  readonly tenantId: string | undefined;
  readonly stream: SseStream;
  position: Position | null;
}

const POSITION = /^\d{20}(?::\d{20})?$/;
const BATCH = 200;
const RETRY_AFTER_S = 5;

/** Follows the domain log for admins: the audit view of each event, in log order, with its position as the frame's id. */
export class EventStreams {
  private readonly ending = new AbortController();
  private taken = 0;
  private sentFrames = 0;
  private droppedStreams = 0;

  constructor(private readonly parts: EventStreamParts) {}

  /** Open streams, frames sent and clients dropped since the process began. */
  stats(): { readonly open: number; readonly sent: number; readonly dropped: number } {
    return { open: this.taken, sent: this.sentFrames, dropped: this.droppedStreams };
  }

  /** Ends all streams; their clients resume at another process. */
  stop(): void {
    this.ending.abort();
  }

  async follow(query: EventStreamQuery, caller: CallerContext, opener: StreamOpener): Promise<void> {
    const tenantId = tenantOf(query.tenant_id, caller);
    const categories = this.parts.registry.capabilities.flatMap(({ deciders }) => deciders.map((of) => of.category));
    const topics = topicsOf(query.topic, new Set(categories));
    if (this.taken >= this.parts.maxSubscribers || this.ending.signal.aborted)
      throw new CatalogueError(httpErrors.unavailable, { retry_after_s: RETRY_AFTER_S });
    this.taken += 1;
    try {
      const position = await this.begin(caller.header('last-event-id'));
      const heartbeat = (): SseFrame | string => heartbeatOf(subscriber.position);
      const stream = opener.open({ heartbeatMs: this.parts.heartbeatMs, heartbeat });
      const subscriber: Subscriber = { caller, topics, tenantId, stream, position };
      await this.serve(subscriber).finally(() => stream.end());
    } finally {
      this.taken -= 1;
    }
  }

  /** Where to go on: behind the last event that the client has, or at the end of the log. */
  private async begin(lastEventId: string | undefined): Promise<Position | null> {
    const head = await this.parts.log.head();
    if (lastEventId === undefined) return head;
    if (!POSITION.test(lastEventId) || lastEventId > (head ?? ''))
      throw new CatalogueError(readModelErrors.invalidCursor);
    return lastEventId;
  }

  private async serve(subscriber: Subscriber): Promise<void> {
    const { caller, stream, position, topics } = subscriber;
    const over = new AbortController();
    let refused: ErrorRow | undefined;
    const look = async (): Promise<void> => {
      const found = await this.parts.refusal(caller);
      // A look that began earlier, and ends later, saw nothing of what is refused by now.
      refused ??= found;
      if (refused !== undefined) over.abort();
    };
    const forget = this.parts.onChange(caller, () => void look());
    const signal = AbortSignal.any([over.signal, stream.signal, this.ending.signal]);
    const filter = topics.filter === undefined ? {} : { filter: topics.filter };
    try {
      await this.deliver(stream, { event: 'ready', id: position ?? '', data: { position } });
      for await (const batch of this.parts.log.subscribe({ after: position, batchSize: BATCH, signal, ...filter })) {
        // At the latest a second after the last look: an empty batch comes that often.
        await look();
        for (const event of batch.events) if (!signal.aborted) await this.show(subscriber, event);
        if (signal.aborted) break;
        subscriber.position = batch.scannedTo ?? subscriber.position;
      }
    } finally {
      forget();
    }
    if (refused !== undefined) {
      const { code, title: message } = refused;
      await this.deliver(stream, { event: 'end', id: subscriber.position ?? '', data: { code, message } });
    }
  }

  private async show(subscriber: Subscriber, stored: StoredEvent): Promise<void> {
    const { stream, topics, tenantId } = subscriber;
    const recorded = this.parts.registry.toRecorded(stored);
    const definition = this.parts.registry.definition(stored.type);
    const wanted = tenantId === undefined || stored.metadata.tenantId === tenantId;
    if (!wanted || recorded === undefined || definition === undefined || !topics.includes(stored, definition)) return;
    const row = foldRow(auditRows, recorded, undefined);
    if (row === undefined) return;
    await this.deliver(stream, {
      event: 'log.event',
      id: stored.position,
      data: { topic: parseStream(stored.stream)?.category, ...row },
    });
    subscriber.position = stored.position;
  }

  /** Waits until the client has taken enough; one that takes nothing is dropped, and may resume. */
  private async deliver(stream: SseStream, frame: SseFrame): Promise<void> {
    const stalled = setTimeout(() => {
      this.droppedStreams += 1;
      stream.cut();
    }, this.parts.stallMs);
    if (await stream.send(frame).finally(() => clearTimeout(stalled))) this.sentFrames += 1;
  }
}

function tenantOf(asked: string | undefined, caller: CallerContext): string | undefined {
  if (asked === '*' && caller.platformOperator) return undefined;
  const tenantId = asked ?? caller.tenantId;
  caller.mayActFor(tenantId);
  return tenantId;
}

/** Carries how far the log was looked through, so that a client of rare events does not resume far back. */
function heartbeatOf(position: Position | null): SseFrame | string {
  if (position === null) return ': heartbeat\n\n';
  return { event: 'heartbeat', id: position, data: { ts: new Date().toISOString() } };
}
