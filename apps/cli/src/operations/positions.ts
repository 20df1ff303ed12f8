import type { Ledger } from '#infra/platform/ledger.js';
import type { EventLog, Position, StoredEvent } from '#infra/event-log/event-log.js';
import { UsageError } from './operation.js';

/** A position as people write it: `42` stands for the 20 digits of a gapless log. */
export function positionOf(text: string): Position {
  if (/^\d{1,20}$/.test(text)) return text.padStart(20, '0');
  if (/^\d{20}:\d{20}$/.test(text)) return text;
  throw new UsageError(`${text} is no position`);
}

export const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);

/** The event with an id or at a position, by the ledger's index, else by reading what is not sealed yet. */
export async function findEvent(log: EventLog, ledger: Ledger, text: string): Promise<StoredEvent | undefined> {
  const { store } = ledger.sealer;
  const wanted = isUuid(text) ? { id: text } : { position: positionOf(text) };
  const leaf = 'id' in wanted ? await store.leafOfEvent(wanted.id) : await store.leafAtPosition(wanted.position);
  if (leaf !== undefined) {
    const before = leaf.index === 0 ? undefined : (await store.leaves(leaf.index - 1, 1))[0];
    return (await log.readAll({ after: before?.position ?? null, limit: 1 })).events[0];
  }
  let after = (await store.sealed()).position;
  for (;;) {
    const page = await log.readAll({ after, limit: 1_000 });
    const found = page.events.find((event) =>
      'id' in wanted ? event.id === wanted.id : event.position === wanted.position,
    );
    if (found !== undefined || page.atHead) return found;
    after = page.scannedTo;
  }
}
