import type { AppendResult, Filter, Page, Position, StoredEvent } from './event-log.js';
import { positionOf, type PreparedAppend } from './prepared-append.js';
import { storedEvents, type EventRow } from './stored-row.js';

/** Most events that are kept, and most characters of their payloads. */
export interface TailLimits {
  readonly events: number;
  readonly characters: number;
}

const LIMITS: TailLimits = { events: 4_096, characters: 8 * 1024 * 1024 };

interface Kept {
  readonly row: EventRow;
  readonly category: string;
  readonly characters: number;
  event?: StoredEvent;
}

/**
 * The last events that this process has appended, without a hole: who follows the log reads them from here, byte for byte what
 * is stored, and parsed once for all. Others append too; what is not here, the log itself tells.
 */
export class LogTail {
  private kept: Kept[] = [];
  /** Position of the first that is kept. */
  private first = 1;
  private characters = 0;

  constructor(private readonly limits = LIMITS) {}

  /** Position of the last event that is kept; 0 where there is none. */
  get last(): number {
    return this.kept.length === 0 ? 0 : this.first + this.kept.length - 1;
  }

  /** Takes what of a batch was written just now, in the order of the batch. */
  note(batch: readonly PreparedAppend[], outcomes: readonly (AppendResult | Error)[], recordedAt: string): void {
    for (const [at, append] of batch.entries()) {
      const outcome = outcomes[at];
      if (outcome === undefined || outcome instanceof Error || outcome.deduplicated) continue;
      this.add(append, outcome, recordedAt);
    }
    this.trim();
  }

  /**
   * The events after a position, as a page of the log; undefined where none of them is here, or an earlier one is missing.
   * Its `atHead` says that nothing is kept behind it: what others appended since, the log knows.
   */
  page(after: Position | null, limit: number, filter: Filter = {}): Page | undefined {
    const from = Number(after ?? 0) + 1;
    if (!(from >= this.first && from <= this.last)) return undefined;
    const events: StoredEvent[] = [];
    let at = from - this.first;
    for (; at < this.kept.length && events.length < limit; at += 1) {
      const kept = this.kept[at];
      if (kept !== undefined && passes(kept, filter)) events.push(eventOf(kept));
    }
    return { events, scannedTo: positionOf(this.first + at - 1), atHead: at === this.kept.length };
  }

  private add({ stream, events }: PreparedAppend, { position, revision }: AppendResult, recordedAt: string): void {
    const start = Number(position) - events.length + 1;
    if (start !== this.last + 1) this.startAt(start);
    for (const [at, { id, type, schemaVersion, data, metadata }] of events.entries()) {
      const row = {
        ...{ position: String(start + at), stream, revision: String(revision - events.length + 1 + at) },
        ...{ event_id: id, type, schema_version: schemaVersion, recorded_at: recordedAt, data, metadata },
      };
      const characters = data.length + metadata.length;
      this.characters += characters;
      this.kept.push({ row, category: stream.slice(0, stream.indexOf('-')), characters });
    }
  }

  private startAt(position: number): void {
    this.kept = [];
    this.characters = 0;
    this.first = position;
  }

  /** Down to half of the limits at a time, so that it is seldom done. */
  private trim(): void {
    const { events, characters } = this.limits;
    if (this.kept.length <= events && this.characters <= characters) return;
    let cut = 0;
    while (this.kept.length - cut > events / 2 || (this.characters > characters / 2 && cut < this.kept.length)) {
      this.characters -= this.kept[cut]?.characters ?? 0;
      cut += 1;
    }
    this.kept = this.kept.slice(cut);
    this.first += cut;
  }
}

function passes({ row, category }: Kept, { types, categories }: Filter): boolean {
  return (types?.includes(row.type) ?? true) && (categories?.includes(category) ?? true);
}

function eventOf(kept: Kept): StoredEvent {
  if (kept.event !== undefined) return kept.event;
  const [event] = storedEvents([kept.row]);
  if (event === undefined) throw new Error('a kept event has no row');
  kept.event = event;
  return event;
}
