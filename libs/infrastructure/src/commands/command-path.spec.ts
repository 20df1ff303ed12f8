import { jest } from '@jest/globals';
import { defineDecider, type Facts } from '#domain/kernel/decider.js';
import { CatalogueError, defineErrors, refuse } from '#domain/kernel/errors.js';
import { defineEvents, type EventOf } from '#domain/kernel/events.js';
import { t } from '#domain/kernel/schema.js';
import { AppendOutcomeUnknown, type EventLog } from '../event-log/event-log.js';
import { MemoryEventLog } from '../event-log/memory-event-log.js';
import { CommandPath } from './command-path.js';
import { newId } from './ids.js';

const events = defineEvents({
  Counted: {
    version: 1,
    data: { by: t.integer },
    audit: { type: 'counter.counted', category: 'system', outcome: 'success', resource: ['counter', 'by'] },
  },
  Named: {
    version: 1,
    data: { name: t.string },
    audit: { type: 'counter.named', category: 'system', outcome: 'success', resource: ['counter', 'name'] },
  },
});
type Event = EventOf<typeof events>;
type Counted = Extract<Event, { type: 'Counted' }>;
type Named = Extract<Event, { type: 'Named' }>;
const errors = defineErrors('counters', { full: ['conflict', 'COUNTER_FULL', 'The counter is full'] });
const LIMIT = 100;

const counter = defineDecider<{ type: 'Count'; data: { by: number } }, Counted, number>({
  category: 'counters',
  initial: 0,
  decide: (command, state) =>
    state + command.data.by > LIMIT ? refuse(errors.full, { state }) : [{ type: 'Counted', data: command.data }],
  evolve: (state, event) => state + event.data.by,
});

const namer = defineDecider<{ type: 'Name'; data: { name: string } }, Named, null>({
  category: 'counters',
  initial: null,
  decide: ({ data }) => [{ type: 'Named', data }],
  evolve: () => null,
});

const facts = (commandId = newId()): Facts => ({
  tenantId: 't1',
  actor: { type: 'system', id: 'spec', role: null },
  now: '2026-01-02T03:04:05.678Z',
  commandId,
  newId: newId(),
  requestId: null,
});
const count = (by: number) => ({ type: 'Count', data: { by } }) as const;
const definitions = new Map(Object.entries(events));
const pathOver = (log: EventLog): CommandPath =>
  new CommandPath({ log, definitions, seal: (_definition, data) => Promise.resolve(data) });

async function stored(log: EventLog): Promise<number> {
  return (await log.readAll({ after: null, limit: 1_000 })).events.length;
}

describe('the command path', () => {
  it('lets 64 callers of one stream each decide on the result of the one before', async () => {
    const path = pathOver(new MemoryEventLog());
    const outcomes = await Promise.allSettled(
      Array.from({ length: 64 }, () => path.run(counter, 'a', count(2), facts())),
    );
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(50);
    expect(await path.load(counter, 't1', 'a')).toBe(LIMIT);
  });

  it('decides again when another process was quicker, and never past the rule', async () => {
    const log = new MemoryEventLog();
    const paths = [pathOver(log), pathOver(log), pathOver(log)];
    const tries = paths.flatMap((path) => Array.from({ length: 20 }, () => path.run(counter, 'a', count(2), facts())));
    const outcomes = await Promise.allSettled(tries);
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(50);
    expect(await paths[0]?.load(counter, 't1', 'a')).toBe(LIMIT);
  });

  it('answers a repeated command from its own events', async () => {
    const log = new MemoryEventLog();
    const known = facts();
    const first = await pathOver(log).run(counter, 'a', count(LIMIT), known);
    const again = await pathOver(log).run(counter, 'a', count(LIMIT), known);
    expect(again).toMatchObject({ position: first.position, events: first.events });
    expect(await stored(log)).toBe(1);
  });

  it('refuses on what the log holds now, whatever it has folded before', async () => {
    const log = new MemoryEventLog();
    const [here, there] = [pathOver(log), pathOver(log)];
    await here.run(counter, 'a', count(1), facts());
    await there.run(counter, 'a', count(LIMIT - 1), facts());
    const refused = await here.run(counter, 'a', count(LIMIT), facts()).catch((error: unknown) => error);
    expect(refused).toMatchObject({ row: errors.full, details: { state: LIMIT } });
  });

  it('answers a repeat whose first try another process stored', async () => {
    const log = new MemoryEventLog();
    const [here, there] = [pathOver(log), pathOver(log)];
    const known = facts();
    await here.run(counter, 'a', count(1), facts());
    const first = await there.run(counter, 'a', count(2), known);
    const again = await here.run(counter, 'a', count(2), known);
    expect(again).toMatchObject({ position: first.position, events: first.events, state: 3 });
    expect(await stored(log)).toBe(2);
  });

  it('reads a stream that only this process writes once', async () => {
    const log = new MemoryEventLog();
    const read = jest.spyOn(log, 'readStream');
    const path = pathOver(log);
    for (let by = 1; by <= 10; by += 1) await path.run(counter, 'a', count(by), facts());
    expect(read).toHaveBeenCalledTimes(1);
    expect(await path.load(counter, 't1', 'a')).toBe(55);
  });

  it('refuses with the row and the details of the decision', async () => {
    const path = pathOver(new MemoryEventLog());
    const refused = await path.run(counter, 'a', count(LIMIT + 1), facts()).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(CatalogueError);
    expect(refused).toMatchObject({ row: errors.full, details: { state: 0 } });
  });

  it.each(['a\0b', 'a\ud800'])(
    'refuses with a code, and appends nothing, where an event would hold %j',
    async (name) => {
      const log = new MemoryEventLog();
      const refused = await pathOver(log)
        .run(namer, 'a', { type: 'Name', data: { name } }, facts())
        .catch((error: unknown) => error);
      expect(refused).toMatchObject({ row: { code: 'TEXT_NOT_STORABLE', kind: 'validation' } });
      expect(await stored(log)).toBe(0);
    },
  );

  it.each(['before', 'after'] as const)('stores once when the connection is lost %s the log stored', async (when) => {
    const log = new MemoryEventLog();
    let losses = 2;
    const flaky = new Proxy(log, {
      get: (target, name, receiver) => {
        if (name !== 'append') return Reflect.get(target, name, receiver) as unknown;
        return async (...args: Parameters<EventLog['append']>) => {
          if (losses > 0) {
            losses -= 1;
            if (when === 'after') await target.append(...args);
            throw new AppendOutcomeUnknown(args[0]);
          }
          return target.append(...args);
        };
      },
    });
    await pathOver(flaky).run(counter, 'a', count(1), facts());
    expect(await stored(log)).toBe(1);
  });

  it('does not store what its declaration does not allow', async () => {
    const log = new MemoryEventLog();
    await expect(pathOver(log).run(counter, 'a', count(0.5), facts())).rejects.toThrow(
      'data.by must be a safe integer',
    );
    expect(await stored(log)).toBe(0);
  });
});
