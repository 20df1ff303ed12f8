import type { Filter, Page, Position, StoredEvent } from './event-log.js';
import { isOurs, passes, placeOf, type AnyResolved } from './eventstoredb-events.js';

/** What one page of the whole log has looked at and found. */
export class Scan {
  looked = 0;
  private readonly events: StoredEvent[] = [];

  constructor(
    private readonly limit: number,
    private readonly filter: Filter | undefined,
    /** The last event of ours that was looked at. */
    public scannedTo: Position | null,
    /** The last answer that was looked at, also of the server's own. */
    public cursor: Position | null,
  ) {}

  get room(): number {
    return this.limit - this.events.length;
  }

  get full(): boolean {
    return this.room <= 0;
  }

  add(answers: readonly AnyResolved[], read: (answer: AnyResolved) => StoredEvent): void {
    for (const answer of answers) {
      const place = placeOf(answer);
      if (this.full) return;
      if (place === undefined || place <= (this.cursor ?? '')) continue;
      this.cursor = place;
      this.looked += 1;
      if (answer.event === undefined || !isOurs(answer.event.streamId)) continue;
      this.scannedTo = place;
      const event = read(answer);
      if (passes(event, this.filter)) this.events.push(event);
    }
  }

  page(atHead: boolean): Page {
    return { events: this.events, scannedTo: this.scannedTo, atHead };
  }
}
