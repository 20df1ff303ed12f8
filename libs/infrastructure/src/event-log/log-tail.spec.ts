import { WrongExpectedRevision, type AppendResult } from './event-log.js';
import { LogTail } from './log-tail.js';
import { positionOf, type PreparedAppend } from './prepared-append.js';

const recordedAt = '2026-11-28 10:00:00+00';

function appendOf(stream: string, types: readonly string[], size = 0): PreparedAppend {
  const events = types.map((type, at) => ({
    id: `00000000-0000-4000-8000-00000000000${at}`,
    type,
    schemaVersion: 1,
    data: JSON.stringify({ at, filling: 'x'.repeat(size) }),
    metadata: '{"occurredAt":"2026-11-28T10:00:00.000Z","tenantId":"acme"}',
  }));
  return { stream, expected: 'any', events, companions: [], bytes: 0 };
}

const written = (position: number, revision: number, deduplicated = false): AppendResult => ({
  position: positionOf(position),
  revision,
  deduplicated,
});

/** One event at each position. */
function noteEach(tail: LogTail, positions: readonly number[], size = 0): void {
  for (const position of positions)
    tail.note([appendOf(`runs-acme.${position}`, ['E'], size)], [written(position, 0)], recordedAt);
}

const positionsIn = (page: ReturnType<LogTail['page']>): number[] | undefined =>
  page?.events.map(({ position }) => Number(position));

describe('LogTail', () => {
  it('gives each event of a batch its own position and revision, whole', () => {
    const tail = new LogTail();
    const batch = [appendOf('runs-acme.1', ['A', 'B']), appendOf('keys-acme', ['C'])];
    tail.note(batch, [written(7, 4), written(8, 0)], recordedAt);
    const page = tail.page(positionOf(5), 10);
    expect(page?.events).toEqual([
      expect.objectContaining({ stream: 'runs-acme.1', type: 'A', revision: 3, position: positionOf(6) }),
      expect.objectContaining({ stream: 'runs-acme.1', type: 'B', revision: 4, position: positionOf(7) }),
      expect.objectContaining({ stream: 'keys-acme', type: 'C', revision: 0, position: positionOf(8) }),
    ]);
    const { events: [first] = [], ...place } = page ?? {};
    expect(first).toEqual({
      ...{ id: '00000000-0000-4000-8000-000000000000', stream: 'runs-acme.1', type: 'A', schemaVersion: 1 },
      ...{ revision: 3, position: positionOf(6), recordedAt: '2026-11-28T10:00:00.000Z' },
      data: { at: 0, filling: '' },
      metadata: { occurredAt: '2026-11-28T10:00:00.000Z', tenantId: 'acme' },
      raw: { data: batch[0]?.events[0]?.data, metadata: batch[0]?.events[0]?.metadata },
    });
    expect(place).toEqual({ scannedTo: positionOf(8), atHead: true });
  });

  it('leaves out what was stored before or refused', () => {
    const tail = new LogTail();
    const batch = [appendOf('a-acme', ['A']), appendOf('b-acme', ['B']), appendOf('c-acme', ['C'])];
    const refused = new WrongExpectedRevision('b-acme', 'no-stream', 3);
    tail.note(batch, [written(2, 0, true), refused, written(9, 0)], recordedAt);
    expect(positionsIn(tail.page(positionOf(8), 10))).toEqual([9]);
    expect(tail.page(positionOf(1), 10)).toBeUndefined();
  });

  it('knows nothing before the first, behind the last, or across what somebody else appended', () => {
    const tail = new LogTail();
    expect(tail.page(null, 10)).toBeUndefined();
    noteEach(tail, [1, 2, 3]);
    expect(positionsIn(tail.page(null, 10))).toEqual([1, 2, 3]);
    expect(tail.page(positionOf(3), 10)).toBeUndefined();
    noteEach(tail, [6, 7]);
    expect(tail.page(positionOf(2), 10)).toBeUndefined();
    expect(tail.page(positionOf(3), 10)).toBeUndefined();
    expect(positionsIn(tail.page(positionOf(5), 10))).toEqual([6, 7]);
  });

  it('filters, and ends a page at its limit', () => {
    const tail = new LogTail();
    const types = ['A', 'B', 'A', 'B', 'A'];
    for (const [at, type] of types.entries())
      tail.note([appendOf(at < 3 ? 'runs-acme.1' : 'keys-acme', [type])], [written(at + 1, at)], recordedAt);
    expect(tail.page(null, 2, { types: ['A'] })).toMatchObject({ scannedTo: positionOf(3), atHead: false });
    expect(positionsIn(tail.page(null, 2, { types: ['A'] }))).toEqual([1, 3]);
    expect(positionsIn(tail.page(null, 9, { types: ['A'], categories: ['keys'] }))).toEqual([5]);
    expect(tail.page(null, 9, { types: ['C'] })).toEqual({ events: [], scannedTo: positionOf(5), atHead: true });
  });

  it('forgets the oldest beyond its limits, of number and of size', () => {
    const many = new LogTail({ events: 10, characters: 1e6 });
    noteEach(
      many,
      Array.from({ length: 25 }, (_, at) => at + 1),
    );
    expect(many.page(positionOf(10), 100)).toBeUndefined();
    expect(positionsIn(many.page(positionOf(20), 100))).toEqual([21, 22, 23, 24, 25]);
    const large = new LogTail({ events: 1e6, characters: 1_000 });
    noteEach(large, [1, 2, 3], 2_000);
    expect(large.last).toBe(0);
    noteEach(large, [4]);
    expect(positionsIn(large.page(positionOf(3), 100))).toEqual([4]);
  });

  it('parses an event once for all who read it', () => {
    const tail = new LogTail();
    noteEach(tail, [1]);
    expect(tail.page(null, 1)?.events[0]).toBe(tail.page(null, 1)?.events[0]);
  });
});
