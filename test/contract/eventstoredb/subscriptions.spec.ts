import { randomUUID } from 'node:crypto';
import type { Batch, StoredEvent } from '#infra/event-log/event-log.js';
import { LogAccessDenied } from '#infra/event-log/eventstoredb-errors.js';
import type { EventStoreDbEventLog } from '#infra/event-log/eventstoredb-event-log.js';
import { anEvent, freshStream, someEvents } from '#test/support/event-log-events.js';
import { EventStoreStandIn } from '#test/support/eventstore-stand-in/stand-in.js';
import { eventually, everything, openWorld, untilKnown, type World } from './support.js';

/** Follows from the beginning; `after` each batch the consumer may do something, and is waited for. */
class Follower {
  readonly seen: StoredEvent[] = [];
  readonly batches: Batch[] = [];
  private readonly stop = new AbortController();
  private readonly ended: Promise<void>;

  constructor(log: EventStoreDbEventLog, after?: (batch: Batch) => Promise<void> | void, batchSize = 50) {
    this.ended = (async () => {
      for await (const batch of log.subscribe({ after: null, signal: this.stop.signal, batchSize })) {
        this.batches.push(batch);
        this.seen.push(...batch.events);
        await after?.(batch);
      }
    })();
    this.ended.catch(() => undefined);
  }

  get ids(): string[] {
    return this.seen.map(({ id }) => id);
  }

  async close(): Promise<void> {
    this.stop.abort();
    await this.ended;
  }
}

async function write(log: EventStoreDbEventLog, count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    await untilKnown(log, freshStream(), someEvents((at % 3) + 1), { expected: 'no-stream' });
  }
}

describe('a subscription to EventStoreDB when the server misbehaves', () => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld();
  });
  afterEach(() => world.close());

  async function expectAllSeen(follower: Follower): Promise<void> {
    const all = (await everything(world.log)).map(({ id }) => id);
    await eventually(() => follower.seen.length >= all.length);
    await write(world.log, 1);
    const more = (await everything(world.log)).map(({ id }) => id);
    await eventually(() => follower.seen.length >= more.length);
    expect(follower.ids).toEqual(more);
    const positions = follower.seen.map(({ position }) => position);
    expect(positions).toEqual(positions.toSorted());
    await follower.close();
  }

  const troubles: readonly [string, (standIn: EventStoreStandIn) => Promise<void> | void, told: string][] = [
    ['ends it cleanly', (standIn) => standIn.endSubscriptions('cleanly'), 'dropped:ended'],
    ['cancels it', (standIn) => standIn.endSubscriptions('cancelled'), 'dropped:cancelled'],
    ['says that it is unavailable', (standIn) => standIn.endSubscriptions('unavailable'), 'dropped:unavailable'],
    ['fails', (standIn) => standIn.endSubscriptions('internal'), 'dropped:unknown'],
    ['loses the connection', (standIn) => standIn.dropConnections(), 'dropped:'],
  ];
  it.each(troubles)(
    'loses, doubles and reorders nothing when the server %s, again and again',
    async (_, happen, told) => {
      const { log, standIn } = world;
      const follower = new Follower(log);
      const writing = write(log, 120);
      for (let at = 1; at <= 5; at += 1) {
        await eventually(() => follower.seen.length >= at * 20 && standIn.subscribers > 0);
        await happen(standIn);
      }
      await writing;
      await expectAllSeen(follower);
      expect(world.told.some((line) => line.startsWith(told))).toBe(true);
      expect(world.told.filter((line) => line === 'resubscribed').length).toBeGreaterThanOrEqual(3);
    },
  );

  it('goes on after the server was away for a while', async () => {
    const { log, standIn } = world;
    await write(log, 20);
    const follower = new Follower(log);
    await eventually(() => follower.seen.length > 10);
    standIn.faults.unavailable = true;
    standIn.dropConnections();
    await eventually(() => world.told.filter((line) => line === 'resubscribed').length > 4);
    standIn.faults.unavailable = false;
    await write(log, 20);
    await expectAllSeen(follower);
  });

  it('is given up when it falls silent while the log grows', async () => {
    const { log, standIn } = world;
    await write(log, 10);
    const follower = new Follower(log);
    await eventually(() => follower.seen.length > 10);
    standIn.faults.silentSubscriptions = true;
    await write(log, 10);
    await eventually(() => world.told.includes('dropped:silence'));
    expect(follower.batches.at(-1)?.events).not.toHaveLength(0);
    standIn.faults.silentSubscriptions = false;
    await expectAllSeen(follower);
  });

  it('tells no heartbeat of a log that it cannot ask', async () => {
    const { log, standIn } = world;
    await write(log, 2);
    const follower = new Follower(log);
    await eventually(() => follower.batches.at(-1)?.caughtUp === true);
    standIn.faults.unavailable = true;
    standIn.faults.silentSubscriptions = true;
    await eventually(() => world.told.includes('dropped:unreachable'));
    const before = follower.batches.length;
    await eventually(() => world.told.filter((line) => line === 'resubscribed').length > 4);
    expect(follower.batches.length).toBe(before);
    standIn.faults.unavailable = false;
    standIn.faults.silentSubscriptions = false;
    await expectAllSeen(follower);
  });

  it('drops what comes twice, also the event after which it begins', async () => {
    const { log, standIn } = world;
    standIn.faults.duplicates = true;
    const follower = new Follower(log);
    await write(log, 20);
    standIn.endSubscriptions('cleanly');
    await write(log, 20);
    await expectAllSeen(follower);
  });

  it('believes no checkpoint', async () => {
    const { log, standIn } = world;
    standIn.faults.strayCheckpoints = true;
    const follower = new Follower(log);
    const writing = write(log, 60);
    await eventually(() => follower.seen.length > 10);
    standIn.dropConnections();
    await writing;
    await expectAllSeen(follower);
  });

  it('finds out by itself that it caught up when the server does not say so', async () => {
    const { log, standIn } = world;
    standIn.faults.withoutCaughtUp = true;
    await write(log, 10);
    const follower = new Follower(log);
    await eventually(() => follower.batches.at(-1)?.caughtUp === true);
    await expectAllSeen(follower);
  });

  it('begins again after the batch that its consumer took, not after what arrived', async () => {
    const { log, standIn } = world;
    await write(log, 60);
    let batches = 0;
    const follower = new Follower(
      log,
      async () => {
        batches += 1;
        if (batches > 6) return;
        // What arrived meanwhile is thrown away with the connection.
        standIn.dropConnections();
        await new Promise((resolve) => setTimeout(resolve, 20));
      },
      7,
    );
    await expectAllSeen(follower);
    expect(follower.batches.every(({ events }) => events.length <= 7)).toBe(true);
  });

  it('keeps a bounded number of events for a consumer that is slow', async () => {
    const { standIn } = world;
    // Appends of 2 MB take their time on a busy machine.
    const log = await world.another({ deadlineMs: 20_000 });
    const filling = 'x'.repeat(4_000);
    for (let at = 0; at < 8; at += 1) {
      await log.append(freshStream(), someEvents(500, { data: { filling } }), { expected: 'no-stream' });
    }
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const follower = new Follower(log, () => held, 20);
    await eventually(() => follower.seen.length > 0);
    let delivered = -1;
    await eventually(async () => {
      const before = delivered;
      delivered = standIn.delivered;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return delivered === before && delivered === standIn.delivered;
    });
    expect(delivered).toBeLessThan(2_000);
    release();
    await expectAllSeen(follower);
  });

  it('follows the leader when it moves', async () => {
    const { log, standIn } = world;
    const second = await EventStoreStandIn.start({ records: standIn.records });
    const follower = new Follower(log);
    await write(log, 10);
    standIn.leader = second;
    standIn.endSubscriptions('cancelled');
    await write(log, 10);
    standIn.leader = undefined;
    second.leader = standIn;
    second.endSubscriptions('cancelled');
    await write(log, 10);
    await expectAllSeen(follower);
    await second.close();
  });

  it('ends with a clear error when its user is refused', async () => {
    world.standIn.faults.denied = true;
    const following = async (): Promise<void> => {
      for await (const batch of world.log.subscribe({ after: null, signal: new AbortController().signal })) void batch;
    };
    await expect(following()).rejects.toBeInstanceOf(LogAccessDenied);
    world.standIn.faults.denied = false;
  });

  it('names the event that is not ours to read, after giving what stands before it', async () => {
    const { log, standIn } = world;
    await write(log, 3);
    const before = (await everything(log)).length;
    const broken = { id: randomUUID(), type: 'X', contentType: 'application/json', metadata: new Uint8Array() };
    standIn.records.append(freshStream(), 'any', [{ ...broken, data: Buffer.from('{"cut') }]);
    const seen: StoredEvent[] = [];
    const following = async (): Promise<void> => {
      for await (const batch of log.subscribe({ after: null, signal: new AbortController().signal })) {
        seen.push(...batch.events);
      }
    };
    await expect(following()).rejects.toMatchObject({ name: 'CorruptEvent' });
    expect(seen).toHaveLength(before);
    await expect(log.readAll({ after: null, limit: 100 })).rejects.toMatchObject({ name: 'CorruptEvent' });
  });

  it('passes over events of others on the same server', async () => {
    const { log, standIn } = world;
    const foreign = { id: randomUUID(), type: 'X', contentType: 'application/json', metadata: new Uint8Array() };
    standIn.records.append('somebody elses stream', 'any', [{ ...foreign, data: Buffer.from('{}') }]);
    const follower = new Follower(log);
    await log.append(freshStream(), [anEvent()], { expected: 'any' });
    await expectAllSeen(follower);
  });
});

describe('a read of EventStoreDB that breaks off', () => {
  it('is read again, whole', async () => {
    const world = await openWorld();
    const { log, standIn } = world;
    await write(log, 30);
    const whole = await everything(log);
    for (const after of [0, 1, 5]) {
      standIn.faults.breakReadAfter = after;
      expect((await everything(log)).map(({ id }) => id)).toEqual(whole.map(({ id }) => id));
    }
    await world.close();
  });

  it('gives up on a server that does not answer', async () => {
    const world = await openWorld({ deadlineMs: 100 });
    await write(world.log, 1);
    world.standIn.faults.readPauseMs = 1_000;
    await expect(world.log.readAll({ after: null, limit: 10 })).rejects.toMatchObject({ name: 'LogUnavailable' });
    world.standIn.faults.readPauseMs = 0;
    await world.close();
  });
});
