import type { StoredEvent } from '#infra/event-log/event-log.js';
import type { Json } from '#domain/kernel/schema.js';
import { flag, numberArg, optionalText, plain, textArg, UsageError, type Operation } from './operation.js';
import { findEvent, positionOf } from './positions.js';

function shown({ raw: _, ...event }: StoredEvent): Json {
  return plain(event);
}

/** The newest events, or those after a position; with `follow` it never ends. */
export const eventsTail: Operation = async function* ({ platform: { log }, signal }, args) {
  const types = optionalText(args, 'types')?.split(',');
  const tenant = optionalText(args, 'tenant');
  const limit = numberArg(args, 'limit', 20);
  const from = optionalText(args, 'from');
  const wanted = (event: StoredEvent): boolean =>
    (types === undefined || types.includes(event.type)) && (tenant === undefined || event.metadata.tenantId === tenant);
  const head = await log.head();
  if (from === undefined) {
    for (const event of await newest()) yield shown(event);
  } else {
    yield* between(positionOf(from));
  }
  if (!flag(args, 'follow')) return;
  for await (const { events } of log.subscribe({ after: head, signal })) {
    for (const event of events) if (wanted(event)) yield shown(event);
  }

  async function newest(): Promise<StoredEvent[]> {
    const found: StoredEvent[] = [];
    let before: string | null = null;
    for (;;) {
      const page: readonly StoredEvent[] = await log.readAllBackwards({ before, limit: 500 });
      found.push(...page.filter((event) => wanted(event) && (head === null || event.position <= head)));
      before = page.at(-1)?.position ?? null;
      if (before === null || found.length >= limit || signal.aborted) return found.slice(0, limit).reverse();
    }
  }

  async function* between(after: string) {
    for (let at = after, left = limit; left > 0 && head !== null && at < head;) {
      const { events, scannedTo } = await log.readAll({ after: at, limit: 500 });
      for (const event of events.filter(wanted).slice(0, left)) {
        left -= 1;
        yield shown(event);
      }
      at = scannedTo ?? head;
    }
  }
};

export const eventsShow: Operation = async function* ({ platform, ledger }, args) {
  const asked = textArg(args, 'event');
  const event = await findEvent(platform.log, ledger, asked);
  if (event === undefined) throw new UsageError(`there is no event ${asked}`);
  yield shown(event);
};
