import { jest } from '@jest/globals';
import { AppendOutcomeUnknown, AppendTooLarge, LogUnavailable } from '#infra/event-log/event-log.js';
import { LogAccessDenied } from '#infra/event-log/eventstoredb-errors.js';
import { EventStoreDbEventLog } from '#infra/event-log/eventstoredb-event-log.js';
import { anEvent, freshStream, someEvents } from '#test/support/event-log-events.js';
import type { AppendFault } from '#test/support/eventstore-stand-in/faults.js';
import { EventStoreStandIn } from '#test/support/eventstore-stand-in/stand-in.js';
import { eventsOf, openWorld, untilKnown, type World } from './support.js';

describe('an append to EventStoreDB when the server misbehaves', () => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld();
  });
  afterEach(() => world.close());

  /** A log that gives an append up soon, and has read the writer control. */
  async function hastyLog(deadlineMs: number): Promise<EventStoreDbEventLog> {
    const hasty = await world.another({ deadlineMs, controlMaxAgeMs: 60_000 });
    await untilKnown(hasty, freshStream(), [anEvent()], { expected: 'any' });
    return hasty;
  }

  const unknown: readonly [AppendFault, stored: boolean][] = [
    ['drop-before', false],
    ['drop-after', true],
    ['silent-before', false],
    ['silent-after', true],
    ['cancelled-after', true],
    ['unknown-after', true],
    [{ lateMs: 2_000 }, true],
  ];
  it.each(unknown)(
    'is of unknown outcome after %j, and the same append again tells what it was',
    async (fault, stored) => {
      const { log, standIn } = world;
      const stream = freshStream();
      const events = someEvents(2);
      // What is to be stored by the second attempt must be stored by that one, on a busy machine, too.
      const hasty = await hastyLog(stored ? 1_000 : 5_000);
      standIn.faults.appends.push(fault);
      const append = hasty.append(stream, events, { expected: 'no-stream' });
      await expect(append).rejects.toBeInstanceOf(AppendOutcomeUnknown);
      const again = await untilKnown(hasty, stream, events, { expected: 'no-stream' });
      expect(again).toMatchObject({ revision: 1, deduplicated: stored });
      const found = await eventsOf(log, stream);
      expect(found.map(({ id }) => id)).toEqual(events.map(({ id }) => id));
      expect(again.position).toBe(found.at(-1)?.position);
    },
  );

  it.each(unknown)('that expects nothing is stored once after %j', async (fault) => {
    const { log, standIn } = world;
    const stream = freshStream();
    const event = anEvent();
    const hasty = await hastyLog(1_000);
    standIn.faults.appends.push(fault);
    await untilKnown(hasty, stream, [event], { expected: 'any' });
    expect(await eventsOf(log, stream)).toHaveLength(1);
  });

  it.each(['no-position', 'first-position', { lateMs: 20 }] as const)(
    'tells the place of its last event although the answer is odd: %j',
    async (fault) => {
      const { log, standIn } = world;
      for (const count of [1, 3]) {
        const stream = freshStream();
        standIn.faults.appends.push(fault);
        const result = await log.append(stream, someEvents(count), { expected: 'no-stream' });
        const last = (await eventsOf(log, stream)).at(-1);
        expect(result).toEqual({ revision: count - 1, position: last?.position, deduplicated: false });
      }
    },
  );

  it('takes a conflict with its own events for a repetition', async () => {
    const { log, standIn } = world;
    const stream = freshStream();
    const events = someEvents(2);
    standIn.faults.appends.push('forgetful', 'forgetful');
    const first = await log.append(stream, events, { expected: 'no-stream' });
    expect(first).toMatchObject({ revision: 1, deduplicated: true });
    await log.append(stream, [anEvent()], { expected: { revision: 1 } });
    expect(await log.append(stream, events, { expected: 'no-stream' })).toEqual(first);
    const other = log.append(stream, someEvents(2), { expected: 'no-stream' });
    await expect(other).rejects.toMatchObject({ name: 'WrongExpectedRevision', actual: 2 });
  });

  it('says that nothing was stored when the server is not ready', async () => {
    const { log, standIn } = world;
    const stream = freshStream();
    standIn.faults.appends.push('unavailable');
    await expect(log.append(stream, [anEvent()], { expected: 'any' })).rejects.toBeInstanceOf(LogUnavailable);
    expect(await eventsOf(log, stream)).toEqual([]);
    await log.append(stream, [anEvent()], { expected: 'no-stream' });
  });

  it('says that nothing was stored when nobody listens', async () => {
    const { another, standIn } = world;
    const log = await another({ controlMaxAgeMs: 60_000 });
    await log.append(freshStream(), [anEvent()], { expected: 'any' });
    await standIn.close();
    // The first may still go down with the connection that breaks; from then on nothing can be sent.
    const failures = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      failures.push(await log.append(freshStream(), [anEvent()], { expected: 'any' }).catch((error: unknown) => error));
    }
    expect(failures.at(-1)).toBeInstanceOf(LogUnavailable);
    const opening = EventStoreDbEventLog.open({ connectionString: standIn.url, deadlineMs: 500 });
    await expect(opening).rejects.toBeInstanceOf(LogUnavailable);
  });

  it('tells a refused user and an append that is too large for the server apart', async () => {
    const { log, standIn } = world;
    standIn.faults.appends.push('access-denied', 'too-large');
    const stream = freshStream();
    await expect(log.append(stream, [anEvent()], { expected: 'any' })).rejects.toBeInstanceOf(LogAccessDenied);
    await expect(log.append(stream, [anEvent()], { expected: 'any' })).rejects.toBeInstanceOf(AppendTooLarge);
    expect(await eventsOf(log, stream)).toEqual([]);
  });

  it('goes to the node that leads now', async () => {
    const { log, standIn } = world;
    const second = await EventStoreStandIn.start({ records: standIn.records });
    standIn.leader = second;
    const stream = freshStream();
    await log.append(stream, [anEvent()], { expected: 'no-stream' });
    standIn.leader = undefined;
    second.leader = standIn;
    await log.append(stream, [anEvent()], { expected: { revision: 0 } });
    expect(await eventsOf(log, stream)).toHaveLength(2);
    await second.close();
  });

  it('finds the leader of a cluster by gossip, also when the seed is down afterwards', async () => {
    const { standIn, another } = world;
    const leader = await EventStoreStandIn.start({ records: standIn.records });
    standIn.leader = leader;
    const seeds = `127.0.0.1:${standIn.port},127.0.0.1:${leader.port}`;
    const log = await another({ connectionString: `esdb://${seeds}?tls=false&discoveryInterval=10` });
    standIn.faults.unavailable = true;
    const stream = freshStream();
    await log.append(stream, [anEvent()], { expected: 'no-stream' });
    leader.dropConnections();
    await untilKnown(log, stream, [anEvent()], { expected: { revision: 0 } });
    expect(await eventsOf(log, stream)).toHaveLength(2);
    standIn.faults.unavailable = false;
    await log.close();
    await leader.close();
  });

  it('never tells a password, also not of a connection string that is wrong', async () => {
    const printed = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    for (const connectionString of ['esdb://me:hunter2@', 'http://me:hunter2@host:1', 'esdb://me:hunter2@h:1?what=1']) {
      const error = await EventStoreDbEventLog.open({ connectionString, deadlineMs: 50 }).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(Error);
      expect(String(error) + String((error as Error).stack)).not.toContain('hunter2');
    }
    expect(JSON.stringify(printed.mock.calls)).not.toContain('hunter2');
    printed.mockRestore();
  });

  it('of an aborted caller is of unknown outcome once it was sent', async () => {
    const { standIn } = world;
    const stream = freshStream();
    const stop = new AbortController();
    const hasty = await hastyLog(1_000);
    standIn.faults.appends.push('silent-after');
    const append = hasty.append(stream, [anEvent()], { expected: 'any', signal: stop.signal });
    const outcome = append.catch((error: unknown) => error);
    while (standIn.records.stream(stream).length === 0) await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    expect(await outcome).toBeInstanceOf(AppendOutcomeUnknown);
  });

  it('is refused when too many are under way', async () => {
    const { another } = world;
    const log = await another({ maxInFlight: 4 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, () => log.append(freshStream(), [anEvent()], { expected: 'any' })),
    );
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(6);
    for (const { reason } of refused) expect(reason).toBeInstanceOf(LogUnavailable);
  });

  it('leaves every event once and in order when connections break again and again under many callers', async () => {
    const { log, another, standIn } = world;
    const other = await another();
    let stored = 0;
    // By what was stored, not by the clock: on a slow machine a connection would break before anything went through it.
    const breakSometimes = (): void => {
      stored += 1;
      if (stored % 8 === 0) standIn.faults.appends.push(stored % 16 === 0 ? 'drop-after' : 'drop-before');
    };
    const streams = Array.from({ length: 16 }, () => freshStream());
    const sent = await Promise.all(
      streams.map(async (stream, lane) => {
        const ids: string[] = [];
        for (let revision = -1; revision < 19; revision += 1) {
          const event = anEvent();
          const expected = revision < 0 ? ('no-stream' as const) : { revision };
          await untilKnown(lane % 2 === 0 ? log : other, stream, [event], { expected });
          breakSometimes();
          ids.push(event.id);
        }
        return ids;
      }),
    );
    standIn.faults.appends.length = 0;
    for (const [at, stream] of streams.entries()) {
      expect((await eventsOf(log, stream)).map(({ id }) => id)).toEqual(sent[at]);
    }
  });
});

describe('the writer control on EventStoreDB', () => {
  it('is moved by one of several that move it at once, and stops other writers within its age', async () => {
    const world = await openWorld({ controlMaxAgeMs: 100 });
    const { log, another } = world;
    const other = await another();
    await other.append(freshStream(), [anEvent()], { expected: 'any' });
    await Promise.all([1, 2, 3].map((epoch) => log.setWriterControl({ epoch, frozen: false }).catch(() => undefined)));
    expect(await log.writerControl()).toEqual({ epoch: 3, frozen: false });
    const until = Date.now() + 10_000;
    let fenced: unknown;
    while (fenced === undefined && Date.now() < until) {
      fenced = await other.append(freshStream(), [anEvent()], { expected: 'any' }).then(
        () => undefined,
        (error: unknown) => error,
      );
    }
    expect(fenced).toMatchObject({ name: 'WriterFenced', reason: 'epoch' });
    await world.close();
  });

  it('that cannot be read lets nothing be appended', async () => {
    const world = await openWorld({ controlMaxAgeMs: 0 });
    world.standIn.faults.unavailable = true;
    const append = world.log.append(freshStream(), [anEvent()], { expected: 'any' });
    await expect(append).rejects.toBeInstanceOf(LogUnavailable);
    await world.close();
  });

  it('is no part of the log', async () => {
    const world = await openWorld();
    await world.log.setWriterControl({ epoch: 1, frozen: false });
    expect(await world.log.head()).toBeNull();
    expect(await world.log.readAll({ after: null, limit: 5 })).toEqual({ events: [], scannedTo: null, atHead: true });
    const intrusion = world.log.append('writerControl-_system.domain', [anEvent()], { expected: 'any' });
    await expect(intrusion).rejects.toBeInstanceOf(RangeError);
    await world.close();
  });
});
