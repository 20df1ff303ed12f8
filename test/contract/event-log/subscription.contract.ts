import type { Batch, EventLog, StoredEvent } from '#infra/event-log/event-log.js';
import { anEvent, freshStream, someEvents } from '#test/support/event-log-events.js';

/** What a follower of any adapter may rely on. */
export function subscriptionContract(log: () => EventLog): void {
  it('brings what is stored and then what comes, in order, each once', async () => {
    const after = await log().head();
    const before = someEvents(30);
    const later = someEvents(30);
    await log().append(freshStream(), before, { expected: 'any' });
    const stop = new AbortController();
    const seen: StoredEvent[] = [];
    for await (const batch of log().subscribe({ after, signal: stop.signal, batchSize: 8 })) {
      expect(batch.events.length).toBeLessThanOrEqual(8);
      if (seen.length < 30 && seen.length + batch.events.length >= 30) {
        void Promise.all(later.map((event) => log().append(freshStream(), [event], { expected: 'no-stream' })));
      }
      seen.push(...batch.events);
      if (seen.length >= 60) stop.abort();
    }
    const ids = seen.map(({ id }) => id);
    expect(ids.slice(0, 30)).toEqual(before.map(({ id }) => id));
    expect(ids.slice(30).toSorted()).toEqual(later.map(({ id }) => id).toSorted());
    expect(seen.map(({ position }) => position)).toEqual(seen.map(({ position }) => position).toSorted());
  });

  it('resumes after the last batch that was taken', async () => {
    const after = await log().head();
    const events = someEvents(20);
    await log().append(freshStream(), events, { expected: 'any' });
    const first = await take(log(), { after, batchSize: 6 }, (batches) => count(batches) >= 12);
    const resumed = await take(
      log(),
      { after: first.at(-1)?.scannedTo ?? null, batchSize: 100 },
      (batches) => count(batches) >= 20 - count(first),
    );
    const ids = [...first, ...resumed].flatMap((batch) => batch.events.map(({ id }) => id));
    expect(ids).toEqual(events.map(({ id }) => id));
  });

  it('moves past events that the filter leaves out, and beats while nothing happens', async () => {
    const after = await log().head();
    await log().append(freshStream(), someEvents(40), { expected: 'any' });
    const head = await log().head();
    const filter = { types: ['NeverSeen'] };
    const batches = await take(log(), { after, filter }, (all) => all.length >= 3);
    expect(count(batches)).toBe(0);
    expect(batches.at(-1)).toMatchObject({ scannedTo: head, caughtUp: true });
  });

  it('waits for its reader: what comes meanwhile is in the next batches', async () => {
    const after = await log().head();
    await log().append(freshStream(), [anEvent()], { expected: 'any' });
    const stop = new AbortController();
    const follower = log().subscribe({ after, signal: stop.signal })[Symbol.asyncIterator]();
    await follower.next();
    const events = someEvents(10);
    await log().append(freshStream(), events, { expected: 'any' });
    const next = await follower.next();
    expect((next.value as Batch).events.map(({ id }) => id)).toEqual(events.map(({ id }) => id));
    stop.abort();
    expect((await follower.next()).done).toBe(true);
  });

  it('ends when it is aborted while it waits', async () => {
    const stop = new AbortController();
    const follower = log()
      .subscribe({ after: await log().head(), signal: stop.signal })
      [Symbol.asyncIterator]();
    await follower.next();
    const waiting = follower.next();
    stop.abort();
    expect((await waiting).done).toBe(true);
  });
}

function count(batches: readonly Batch[]): number {
  return batches.reduce((sum, batch) => sum + batch.events.length, 0);
}

async function take(
  log: EventLog,
  options: Omit<Parameters<EventLog['subscribe']>[0], 'signal'>,
  enough: (batches: readonly Batch[]) => boolean,
): Promise<Batch[]> {
  const stop = new AbortController();
  const batches: Batch[] = [];
  for await (const batch of log.subscribe({ ...options, signal: stop.signal })) {
    batches.push(batch);
    if (enough(batches)) stop.abort();
  }
  return batches;
}
