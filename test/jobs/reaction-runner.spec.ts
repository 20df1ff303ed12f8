import { randomUUID } from 'node:crypto';
import { defineEvents, type EventOf } from '#domain/kernel/events.js';
import { defineCapability } from '#domain/kernel/capability.js';
import { defineJob, type AnyJob } from '#domain/kernel/job.js';
import { defineReaction, type AnyReaction } from '#domain/kernel/reaction.js';
import { t } from '#domain/kernel/schema.js';
import { fixedFacts } from '#domain/kernel/testing/given.js';
import { commandJob, type CommandEffect } from '#infra/jobs/command-job.js';
import type { EventLog } from '#infra/event-log/event-log.js';
import { JobQueue } from '#infra/jobs/job-queue.js';
import { ReactionRunner } from '#infra/jobs/reaction-runner.js';
import { CapabilityRegistry } from '#infra/projections/registry.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { openTestLog } from '#test/support/event-log.js';
import { until } from '#test/jobs/support.js';

const events = defineEvents({
  ParcelArrived: {
    version: 1,
    data: { parcelId: t.string, weight: t.integer },
    audit: { type: 'parcels.arrived', category: 'data', outcome: 'success', resource: ['parcel', 'parcelId'] },
  },
});
type ParcelEvent = EventOf<typeof events>;

const weigh = defineReaction<ParcelEvent>({
  name: 'weigh',
  from: 'beginning',
  on: { ParcelArrived: ({ data }) => [{ kind: 'job', job: 'weigh', data: { parcelId: data.parcelId } }] },
});
const book = defineReaction<ParcelEvent>({
  name: 'book',
  from: 'beginning',
  on: {
    ParcelArrived: ({ data }) => [
      { kind: 'command', category: 'shelves', streamId: 'north', command: { type: 'Book', data } },
    ],
  },
});

describe('the reaction runner', () => {
  let open: TestDatabase;
  let log: EventLog;
  const closing: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    open = await openTestDatabase();
    log = await openTestLog(open);
  });
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
    await log.close();
    await open.drop();
  });

  async function arrive(parcelId: string, weight = 1): Promise<string> {
    const { tenantId, actor, requestId } = fixedFacts;
    const id = randomUUID();
    await log.append(
      `parcels-t1.${parcelId}`,
      [
        {
          id,
          type: 'ParcelArrived',
          schemaVersion: 1,
          data: { parcelId, weight },
          metadata: {
            tenantId,
            actor,
            requestId,
            commandId: randomUUID(),
            correlationId: null,
            causationId: null,
            traceparent: null,
            region: null,
            epoch: 0,
            occurredAt: fixedFacts.now,
          },
        },
      ],
      { expected: 'any' },
    );
    return id;
  }

  const idleJob = (name: string): AnyJob =>
    defineJob({
      name,
      retryLimit: 0,
      retryDelaySeconds: 1,
      timeoutSeconds: 10,
      concurrency: 1,
      handle: async () => undefined,
    });

  async function startQueue(jobs: readonly AnyJob[], work = false): Promise<JobQueue> {
    const queue = new JobQueue({ database: open.database, jobs, pollMs: 200 });
    await queue.start({ work });
    closing.push(() => queue.stop({ graceMs: 0 }));
    return queue;
  }

  async function startRunner(
    queue: JobQueue,
    reactions: readonly AnyReaction[],
    leaseMs = 3_000,
  ): Promise<ReactionRunner> {
    const registry = new CapabilityRegistry([defineCapability({ name: 'parcels', events, reactions })]);
    const runner = new ReactionRunner({
      database: open.database,
      log,
      reactions,
      queue,
      leaseMs,
      toRecorded: (stored) => registry.toRecorded(stored),
    });
    await runner.start();
    closing.push(() => runner.stop());
    return runner;
  }

  const parcels = async (queue: JobQueue): Promise<unknown[]> =>
    (await queue.list({ name: 'weigh', limit: 200 })).jobs.map((job) => job.data['parcelId']).toReversed();

  const caughtUp = (runner: ReactionRunner) => async (): Promise<boolean> =>
    (runner.position ?? '') >= ((await log.head()) ?? '');

  it('makes the jobs of each event once, also when its checkpoint is set back', async () => {
    const queue = await startQueue([idleJob('weigh')]);
    const runner = await startRunner(queue, [weigh]);
    for (let n = 0; n < 5; n += 1) await arrive(`p${n}`);
    await until(async () => (await parcels(queue)).length === 5);
    await runner.stop();
    await open.database.query(`update reactions.checkpoints set position = ''`);
    const again = await startRunner(queue, [weigh]);
    await arrive('p5');
    await until(async () => (await parcels(queue)).length === 6);
    await until(caughtUp(again));
    expect((await parcels(queue)).toSorted()).toEqual(['p0', 'p1', 'p2', 'p3', 'p4', 'p5']);
  });

  it('runs the commands of an event under the id of their job, with what caused them', async () => {
    const ran: [CommandEffect, string][] = [];
    const queue = await startQueue([commandJob(async (effect, id) => void ran.push([effect, id]))], true);
    await startRunner(queue, [book]);
    const eventId = await arrive('p1', 7);
    await until(() => ran.length === 1);
    const [effect, id] = ran[0] ?? [];
    expect(effect).toMatchObject({
      category: 'shelves',
      streamId: 'north',
      command: { type: 'Book', data: { parcelId: 'p1', weight: 7 } },
      tenantId: 't1',
      causationId: eventId,
      correlationId: eventId,
    });
    expect((await queue.get(id ?? ''))?.name).toBe('commands');
  });

  it('starts at the head when it is only about what comes', async () => {
    const queue = await startQueue([idleJob('weigh')]);
    await arrive('before');
    const runner = await startRunner(queue, [{ ...weigh, from: 'now' }]);
    await until(() => runner.position !== undefined);
    await arrive('after');
    await until(async () => (await parcels(queue)).length > 0);
    expect(await parcels(queue)).toEqual(['after']);
  });

  it('stops at the event that it cannot handle, while others go on, and goes on when it is resumed', async () => {
    let broken = true;
    const fragile = defineReaction<ParcelEvent>({
      name: 'fragile',
      from: 'beginning',
      on: {
        ParcelArrived: ({ data }) => {
          if (broken && data.weight > 10) throw new Error('too heavy');
          return [{ kind: 'job', job: 'lift', data: { parcelId: data.parcelId } }];
        },
      },
    });
    const queue = await startQueue([idleJob('weigh'), idleJob('lift')]);
    const runner = await startRunner(queue, [weigh, fragile]);
    await arrive('light');
    const heavy = await arrive('heavy', 11);
    await arrive('light2');
    await until(async () => (await parcels(queue)).length === 3);
    const lifted = async (): Promise<unknown[]> =>
      (await queue.list({ name: 'lift' })).jobs.map((job) => job.data['parcelId']);
    expect(await lifted()).toEqual(['light']);
    const stopped = (await runner.status()).find(({ name }) => name === 'fragile');
    expect(stopped).toMatchObject({ error: 'too heavy', failedEvent: heavy });
    broken = false;
    expect(await runner.resume('fragile')).toBe(true);
    await until(async () => (await lifted()).length === 3);
    expect((await lifted()).toSorted()).toEqual(['heavy', 'light', 'light2']);
  });

  it('is shown as stopped when it asks for a job that nobody declared', async () => {
    const queue = await startQueue([]);
    const runner = await startRunner(queue, [weigh]);
    await arrive('p1');
    await until(async () => (await runner.status())[0]?.error === 'no job is named weigh');
  });

  it('writes nothing more once another process has taken over', async () => {
    const queue = await startQueue([idleJob('weigh')]);
    const runner = await startRunner(queue, [weigh], 60_000);
    await arrive('mine');
    await until(async () => (await parcels(queue)).length === 1);
    await open.database.query(
      `with taken as (update reactions.lease set owner = 'other', epoch = epoch + 1, expires_at = now() + interval '1 hour')
        update reactions.checkpoints set epoch = epoch + 1`,
    );
    await arrive('theirs');
    await until(() => runner.position === undefined);
    expect(await parcels(queue)).toEqual(['mine']);
  });

  it('is taken over from a process that died, with nothing lost or doubled', async () => {
    const queue = await startQueue([idleJob('weigh')]);
    await open.database.query(
      `update reactions.lease set owner = 'dead', epoch = 7, expires_at = clock_timestamp() + interval '300 ms'`,
    );
    for (let n = 0; n < 20; n += 1) await arrive(`p${n}`);
    await startRunner(queue, [weigh], 400);
    await startRunner(queue, [weigh], 400);
    await until(async () => (await parcels(queue)).length === 20);
    expect(new Set(await parcels(queue)).size).toBe(20);
  });
});
