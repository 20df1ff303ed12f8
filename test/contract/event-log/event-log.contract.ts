import { canonicalJson } from '#infra/event-log/canonical-json.js';
import {
  AppendTooLarge,
  WriterFenced,
  WrongExpectedRevision,
  type EventLog,
  type Expected,
  type StoredEvent,
} from '#infra/event-log/event-log.js';
import { anEvent, freshStream, someEvents } from '#test/support/event-log-events.js';
import { subscriptionContract } from './subscription.contract.js';

export interface LogUnderTest {
  readonly log: EventLog;
  /** A second writer over the same log that was opened before any control moved; undefined when there is none. */
  readonly other?: EventLog;
  readonly close: () => Promise<void>;
}

/**
 * The promises of every adapter. `makeLog` gives a log of its own for each group of specs; where it cannot, because the
 * log is on a server that others use too, `shared` leaves out what needs an empty one.
 */
export function eventLogContract(
  name: string,
  makeLog: () => Promise<LogUnderTest>,
  { shared = false }: { readonly shared?: boolean } = {},
): void {
  describe(`the event log in ${name}`, () => {
    let made: LogUnderTest;
    let log: EventLog;
    beforeAll(async () => {
      made = await makeLog();
      log = made.log;
    });
    afterAll(() => made.close());

    expectedRevisions(() => log);
    repetitions(() => log);
    reading(() => log);
    subscriptionContract(() => log);
    limits(() => log);
  });

  (shared ? describe.skip : describe)(`the writer control of the event log in ${name}`, () => {
    writerControl(makeLog);
  });
}

export async function all(events: AsyncIterable<StoredEvent>): Promise<StoredEvent[]> {
  const found: StoredEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

function expectedRevisions(log: () => EventLog): void {
  const cases: readonly [Expected, state: 'absent' | 'three events', accepted: boolean][] = [
    ['any', 'absent', true],
    ['any', 'three events', true],
    ['no-stream', 'absent', true],
    ['no-stream', 'three events', false],
    ['stream-exists', 'absent', false],
    ['stream-exists', 'three events', true],
    [{ revision: 0 }, 'absent', false],
    [{ revision: 2 }, 'three events', true],
    [{ revision: 1 }, 'three events', false],
    [{ revision: 3 }, 'three events', false],
  ];
  it.each(cases)('expecting %j of a stream that is %s accepts: %s', async (expected, state, accepted) => {
    const stream = freshStream();
    const before = state === 'absent' ? 0 : 3;
    if (before > 0) await log().append(stream, someEvents(before), { expected: 'no-stream' });
    const append = log().append(stream, someEvents(2), { expected });
    if (accepted) {
      expect(await append).toMatchObject({ revision: before + 1, deduplicated: false });
    } else {
      const error = await append.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(WrongExpectedRevision);
      expect((error as WrongExpectedRevision).actual).toBe(before === 0 ? 'absent' : before - 1);
    }
    expect(await all(log().readStream(stream))).toHaveLength(accepted ? before + 2 : before);
  });

  it('lets one of many concurrent appends at one revision through', async () => {
    const stream = freshStream();
    await log().append(stream, [anEvent()], { expected: 'no-stream' });
    const tries = Array.from({ length: 20 }, () => log().append(stream, [anEvent()], { expected: { revision: 0 } }));
    const settled = await Promise.allSettled(tries);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await all(log().readStream(stream))).toHaveLength(2);
  });

  it('stores every concurrent append that expects nothing, each as one block', async () => {
    const stream = freshStream();
    const appends = Array.from({ length: 50 }, (_, at) => someEvents(3, { data: { at } }));
    const results = await Promise.all(appends.map((events) => log().append(stream, events, { expected: 'any' })));
    const stored = await all(log().readStream(stream));
    expect(stored.map((event) => event.revision)).toEqual(Array.from({ length: 150 }, (_, at) => at));
    for (const [at, result] of results.entries()) {
      const block = stored.slice(result.revision - 2, result.revision + 1);
      expect(block.map(({ id }) => id)).toEqual(appends[at]?.map(({ id }) => id));
      expect(block.at(-1)?.position).toBe(result.position);
    }
  });

  it('does not fail a neighbour for a conflict in the same moment', async () => {
    const streams = Array.from({ length: 30 }, () => freshStream());
    const outcomes = await Promise.allSettled(
      streams.map((stream, at) =>
        log().append(stream, [anEvent()], { expected: at % 3 === 0 ? { revision: 7 } : 'no-stream' }),
      ),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(
      streams.map((_, at) => (at % 3 === 0 ? 'rejected' : 'fulfilled')),
    );
  });
}

function repetitions(log: () => EventLog): void {
  const kinds: readonly Expected[] = ['any', 'no-stream', { revision: 1 }];
  it.each(kinds)('answers the same events expected at %j again with the original result', async (expected) => {
    const stream = freshStream();
    if (typeof expected === 'object') await log().append(stream, someEvents(2), { expected: 'no-stream' });
    const events = someEvents(2);
    const first = await log().append(stream, events, { expected });
    await log().append(stream, someEvents(2), { expected: 'any' });
    expect(await log().append(stream, events, { expected })).toEqual({ ...first, deduplicated: true });
    expect(await all(log().readStream(stream))).toHaveLength(first.revision + 3);
  });

  it('stores the same events once when they are appended twice at the same moment', async () => {
    const stream = freshStream();
    const events = someEvents(2);
    const results = await Promise.all([1, 2, 3].map(() => log().append(stream, events, { expected: 'any' })));
    expect(new Set(results.map(({ position }) => position)).size).toBe(1);
    expect(results.filter(({ deduplicated }) => deduplicated)).toHaveLength(2);
    expect(await all(log().readStream(stream))).toHaveLength(2);
  });

  it('refuses events of which only some are stored', async () => {
    const stream = freshStream();
    const [first, second] = [anEvent(), anEvent()];
    await log().append(stream, [first], { expected: 'no-stream' });
    for (const expected of ['any', 'no-stream'] as const) {
      await expect(log().append(stream, [first, second], { expected })).rejects.toBeInstanceOf(WrongExpectedRevision);
    }
    expect(await all(log().readStream(stream))).toHaveLength(1);
  });

  it('refuses other events at a revision that is taken', async () => {
    const stream = freshStream();
    await log().append(stream, [anEvent()], { expected: 'no-stream' });
    await expect(log().append(stream, [anEvent()], { expected: 'no-stream' })).rejects.toMatchObject({
      name: 'WrongExpectedRevision',
      actual: 0,
    });
  });
}

function reading(log: () => EventLog): void {
  it('gives back exactly the bytes, the place and the metadata that were stored', async () => {
    const stream = freshStream();
    const event = anEvent({ data: { b: 1e21, a: '\u0000\u2028"\\é😀', '10': [], '9': {}, n: -0 } });
    const result = await log().append(stream, [event], { expected: 'no-stream' });
    const [stored] = await all(log().readStream(stream));
    expect(stored).toMatchObject({ id: event.id, stream, revision: 0, position: result.position, schemaVersion: 1 });
    expect(stored?.metadata).toEqual(event.metadata);
    expect(stored?.raw).toEqual({ data: canonicalJson(event.data), metadata: canonicalJson(event.metadata) });
    expect(canonicalJson(stored?.data)).toBe(stored?.raw.data);
    expect(stored?.recordedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('reads a stream from a revision, either way, up to a limit', async () => {
    const stream = freshStream();
    await log().append(stream, someEvents(10), { expected: 'no-stream' });
    const revisions = async (options: Parameters<EventLog['readStream']>[1]): Promise<number[]> =>
      (await all(log().readStream(stream, options))).map((event) => event.revision);
    expect(await revisions({ from: 7 })).toEqual([7, 8, 9]);
    expect(await revisions({ from: 2, limit: 3 })).toEqual([2, 3, 4]);
    expect(await revisions({ direction: 'backwards', limit: 2 })).toEqual([9, 8]);
    expect(await revisions({ direction: 'backwards', from: 1 })).toEqual([1, 0]);
    expect(await revisions({ from: 10 })).toEqual([]);
    expect(await all(log().readStream(freshStream()))).toEqual([]);
  });

  it('pages through the whole log in order and says when it is at the head', async () => {
    await log().append(freshStream(), someEvents(25), { expected: 'any' });
    const seen: StoredEvent[] = [];
    let page = await log().readAll({ after: null, limit: 7 });
    seen.push(...page.events);
    while (!page.atHead) {
      page = await log().readAll({ after: page.scannedTo, limit: 7 });
      seen.push(...page.events);
    }
    const positions = seen.map((event) => event.position);
    expect(positions).toEqual(positions.toSorted());
    expect(new Set(positions).size).toBe(positions.length);
    expect(positions.at(-1)).toBe(await log().head());
    if (log().capabilities.gapless) expect(positions.map(Number)).toEqual(positions.map((_, at) => at + 1));
    const back = await log().readAllBackwards({ before: null, limit: 10 });
    expect(back.map(({ id }) => id)).toEqual(
      seen
        .slice(-10)
        .reverse()
        .map(({ id }) => id),
    );
    const further = await log().readAllBackwards({ before: back.at(-1)?.position ?? null, limit: 3 });
    expect(further.map(({ id }) => id)).toEqual(
      seen
        .slice(-13, -10)
        .reverse()
        .map(({ id }) => id),
    );
  });

  it('filters by type and category and still tells how far it looked', async () => {
    const start = await log().head();
    await log().append(freshStream('rare'), [anEvent({ type: 'RareSeen' })], { expected: 'any' });
    await log().append(freshStream('rare'), [anEvent()], { expected: 'any' });
    await log().append(freshStream(), [anEvent({ type: 'RareSeen' })], { expected: 'any' });
    await log().append(freshStream(), someEvents(5), { expected: 'any' });
    const read = async (filter: { types?: string[]; categories?: string[] }): Promise<number> => {
      const page = await log().readAll({ after: start, limit: 100, filter });
      expect(page).toMatchObject({ scannedTo: await log().head(), atHead: true });
      return page.events.length;
    };
    expect(await read({ types: ['RareSeen'] })).toBe(2);
    expect(await read({ categories: ['rare'] })).toBe(2);
    expect(await read({ types: ['RareSeen'], categories: ['rare'] })).toBe(1);
    expect(await read({ types: ['NeverSeen'] })).toBe(0);
    const full = await log().readAll({ after: start, limit: 1, filter: { types: ['RareSeen'] } });
    expect(full.scannedTo).toBe(full.events[0]?.position);
    expect(full.atHead).toBe(false);
  });
}

function limits(log: () => EventLog): void {
  it('refuses appends that are too large, and stores nothing of them', async () => {
    const stream = freshStream();
    const large = 'x'.repeat(3 * 1024 * 1024);
    const tooMany = log().append(stream, someEvents(1_001), { expected: 'any' });
    await expect(tooMany).rejects.toBeInstanceOf(AppendTooLarge);
    const tooLong = log().append(stream, someEvents(2, { data: { large } }), { expected: 'any' });
    await expect(tooLong).rejects.toBeInstanceOf(AppendTooLarge);
    expect(await all(log().readStream(stream))).toEqual([]);
    await log().append(stream, someEvents(1_000), { expected: 'no-stream' });
    await log().append(stream, [anEvent({ data: { large } })], { expected: { revision: 999 } });
  });

  it('refuses payloads that JSON would change, names that are not ours, and nothing at all', async () => {
    const append = (events: readonly ReturnType<typeof anEvent>[], stream = freshStream()): Promise<unknown> =>
      log().append(stream, events, { expected: 'any' });
    await expect(append([anEvent({ data: { a: Number.NaN } })])).rejects.toThrow('not finite');
    await expect(append([anEvent({ data: { a: '\ud800' } })])).rejects.toThrow('lone surrogate');
    await expect(append([anEvent()], 'nodash')).rejects.toBeInstanceOf(RangeError);
    await expect(append([anEvent({ id: 'NOT-A-UUID' })])).rejects.toBeInstanceOf(RangeError);
    await expect(append([])).rejects.toBeInstanceOf(RangeError);
  });

  it('appends nothing for a signal that was aborted before', async () => {
    const stream = freshStream();
    const signal = AbortSignal.abort(new Error('the caller went away'));
    await expect(log().append(stream, [anEvent()], { expected: 'any', signal })).rejects.toThrow('went away');
    expect(await all(log().readStream(stream))).toEqual([]);
  });
}

function writerControl(makeLog: () => Promise<LogUnderTest>): void {
  it('refuses appends under a freeze and takes them after it', async () => {
    const { log, close } = await makeLog();
    const { epoch } = await log.writerControl();
    await log.setWriterControl({ epoch, frozen: true });
    await expect(log.append(freshStream(), [anEvent()], { expected: 'any' })).rejects.toMatchObject({
      name: 'WriterFenced',
      reason: 'frozen',
    });
    await log.setWriterControl({ epoch, frozen: false });
    await log.append(freshStream(), [anEvent()], { expected: 'any' });
    expect((await log.readAll({ after: null, limit: 10 })).events).toHaveLength(1);
    await close();
  });

  it('takes a recovery under a freeze, once, with nothing else, and still at its revision and epoch', async () => {
    const { log, other, close } = await makeLog();
    const { epoch } = await log.writerControl();
    const stream = freshStream();
    const frozen = { name: 'WriterFenced', reason: 'frozen' };
    await log.setWriterControl({ epoch, frozen: true });
    const events = [anEvent()];
    const both = await Promise.allSettled([
      log.append(stream, events, { expected: 'no-stream', recovery: true }),
      log.append(freshStream(), [anEvent()], { expected: 'any' }),
    ]);
    expect(both).toMatchObject([{ value: { revision: 0, deduplicated: false } }, { reason: frozen }]);
    const again = await log.append(stream, events, { expected: 'no-stream', recovery: true });
    expect(again).toMatchObject({ revision: 0, deduplicated: true });
    const late = log.append(stream, [anEvent()], { expected: 'no-stream', recovery: true });
    await expect(late).rejects.toMatchObject({ name: 'WrongExpectedRevision' });
    expect(await log.writerControl()).toEqual({ epoch, frozen: true });
    await expect(log.append(stream, [anEvent()], { expected: 'any' })).rejects.toMatchObject(frozen);
    expect((await log.readAll({ after: null, limit: 10 })).events).toHaveLength(1);
    await log.setWriterControl({ epoch: epoch + 1, frozen: true });
    const fenced = other?.append(stream, [anEvent()], { expected: 'any', recovery: true });
    if (fenced !== undefined) await expect(fenced).rejects.toMatchObject({ name: 'WriterFenced', reason: 'epoch' });
    await close();
  });

  it('moves the epoch only forward and fences every writer of an older one', async () => {
    const { log, other, close } = await makeLog();
    await log.setWriterControl({ epoch: 3, frozen: false });
    expect(log.epoch).toBe(3);
    await expect(log.setWriterControl({ epoch: 2, frozen: false })).rejects.toBeInstanceOf(RangeError);
    expect(await log.writerControl()).toEqual({ epoch: 3, frozen: false });
    await log.append(freshStream(), [anEvent()], { expected: 'no-stream' });
    if (other !== undefined) {
      const fenced = other.append(freshStream(), [anEvent()], { expected: 'any' });
      await expect(fenced).rejects.toBeInstanceOf(WriterFenced);
    }
    await close();
  });
}
