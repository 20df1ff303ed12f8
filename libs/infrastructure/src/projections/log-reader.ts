import type { Recorded } from '#domain/kernel/events.js';
import { handledTypes, type AnyProjection } from '#domain/kernel/projection.js';
import type { EventLog, Page, StoredEvent } from '#infra/event-log/event-log.js';
import { breathe } from './backoff.js';
import type { CapabilityRegistry } from './registry.js';

/** An event that the projection would fold is of a type or version that this build does not know. */
export class UnknownEventInLog extends Error {
  constructor(
    readonly eventType: string,
    schemaVersion: number,
    position: string,
  ) {
    super(`event type ${eventType} version ${schemaVersion} at ${position} is not known to this build`);
    this.name = 'UnknownEventInLog';
  }
}

export interface ReadOptions {
  /** Exclusive; '' is the beginning. */
  readonly after: string;
  /** Inclusive; nothing after it is given. */
  readonly to: string;
  readonly skipUnknown?: boolean;
  readonly pageSize?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Events of a projection with the position after which and up to which the log was looked at. */
export interface ReadPage {
  readonly stored: readonly StoredEvent[];
  readonly events: readonly Recorded[];
  readonly after: string;
  readonly scannedTo: string;
}

/** Reads what a projection folds, page by page, asking for the next page while the last is folded. */
export class ProjectionReader {
  readonly unknownTypes = new Map<string, number>();
  private readonly types: readonly string[] | undefined;
  private readonly wanted: ReadonlySet<string> | undefined;
  /** The log filters only while few events match: a filter costs it more than the others cost us. */
  private sparse = false;

  constructor(
    private readonly log: EventLog,
    private readonly registry: CapabilityRegistry,
    projection: AnyProjection,
  ) {
    this.types = handledTypes(projection);
    this.wanted = this.types === undefined ? undefined : new Set(this.types);
  }

  /** Throws `UnknownEventInLog` unless those are skipped, and the signal's reason when it aborts. */
  async *read({ after, to, signal, ...options }: ReadOptions): AsyncGenerator<ReadPage, void, undefined> {
    const limit = options.pageSize ?? 4_000;
    let at = after;
    let next = at < to ? this.page(at, limit) : undefined;
    try {
      while (next !== undefined) {
        const page: Page = await next;
        await breathe();
        signal?.throwIfAborted();
        const from = at;
        at = page.scannedTo ?? at;
        next = page.atHead || at >= to ? undefined : this.page(at, limit);
        // At the head everything up to `to` was looked at, also where the last events are of other types.
        yield this.cut(page, limit, { after: from, scannedTo: next === undefined ? to : at }, options);
      }
    } finally {
      await next?.catch(() => undefined);
    }
  }

  private cut(
    page: Page,
    limit: number,
    range: Pick<ReadPage, 'after' | 'scannedTo'>,
    options: Pick<ReadOptions, 'skipUnknown'>,
  ): ReadPage {
    const stored = page.events.filter((event) => event.position <= range.scannedTo && this.wants(event.type));
    this.sparse = stored.length * 8 < limit;
    return { stored, events: this.known(stored, options.skipUnknown ?? false), ...range };
  }

  private page(after: string, limit: number): Promise<Page> {
    const filter = this.types === undefined || !this.sparse ? {} : { filter: { types: this.types } };
    const page = this.log.readAll({ after: after === '' ? null : after, limit, ...filter });
    // Its failure is met where it is awaited; until then it must not count as unhandled.
    page.catch(() => undefined);
    return page;
  }

  private wants(type: string): boolean {
    return this.wanted === undefined || this.wanted.has(type);
  }

  private known(stored: readonly StoredEvent[], skipUnknown: boolean): readonly Recorded[] {
    const events: Recorded[] = [];
    for (const entry of stored) {
      const event = this.registry.toRecorded(entry);
      if (event !== undefined) events.push(event);
      else if (!skipUnknown) throw new UnknownEventInLog(entry.type, entry.schemaVersion, entry.position);
      else this.unknownTypes.set(entry.type, (this.unknownTypes.get(entry.type) ?? 0) + 1);
    }
    return events;
  }
}
