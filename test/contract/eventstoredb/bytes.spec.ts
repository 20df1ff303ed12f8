import fc from 'fast-check';
import type { JsonObject } from '#domain/kernel/schema.js';
import { canonicalJson } from '#infra/event-log/canonical-json.js';
import { anEvent, freshStream } from '#test/support/event-log-events.js';
import { eventsOf, openWorld, type World } from './support.js';

describe('the bytes of an event on EventStoreDB', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.close());

  async function giveBack(data: JsonObject): Promise<void> {
    const event = anEvent({ data });
    const stream = freshStream();
    await world.log.append(stream, [event], { expected: 'no-stream' });
    const [stored] = await eventsOf(world.log, stream);
    expect(stored?.raw).toEqual({ data: canonicalJson(event.data), metadata: canonicalJson(event.metadata) });
    expect(canonicalJson(stored?.data)).toBe(canonicalJson(event.data));
    expect(stored?.metadata).toEqual(event.metadata);
  }

  it.each<[string, JsonObject]>([
    ['floats', { a: 0.1 + 0.2, b: 1e21, c: 5e-324, d: -0, e: 1.7976931348623157e308, f: 333333333.3333333, g: 1e-7 }],
    ['unicode', { '\u20ac': '\u20ac', '\ud83d\ude00': 'ö\u0000\u001f\u2028\u2029"\\/', '': '\ufeff', é: 'e\u0301' }],
    ['key order', { b: 1, a: 2, B: 3, _: 4, aa: 5, 'a.b': 6, '\ufb33': 7, '\ud83d\ude00': 8 }],
    ['keys that are numbers', { '10': 'ten', '9': 'nine', '-1': 'minus', '01': 'zero one', z: { '2': 0, '1': 0 } }],
    ['names of every object', JSON.parse('{"__proto__":{"a":1},"constructor":1,"toString":null}') as JsonObject],
    ['nothing', { a: {}, b: [], c: null, d: '', e: [[], {}, null] }],
  ])('come back exactly: %s', (_, data) => giveBack(data));

  it('come back exactly for any JSON', async () => {
    const key = fc.string({ unit: 'grapheme' });
    await fc.assert(
      fc.asyncProperty(fc.dictionary(key, fc.jsonValue({ maxDepth: 4 })), (data) => giveBack(data as JsonObject)),
      {
        numRuns: 150,
      },
    );
  });

  it('are canonical on the server too, with the schema version in the metadata', async () => {
    const event = anEvent({ schemaVersion: 7, data: { b: 1.5, a: 'é' } });
    const stream = freshStream();
    await world.log.append(stream, [event], { expected: 'no-stream' });
    const [record] = world.standIn.records.stream(stream);
    expect(Buffer.from(record?.data ?? []).toString()).toBe('{"a":"é","b":1.5}');
    expect(Buffer.from(record?.metadata ?? []).toString()).toBe(canonicalJson({ ...event.metadata, schemaVersion: 7 }));
    expect((await eventsOf(world.log, stream))[0]).toMatchObject({ schemaVersion: 7, metadata: event.metadata });
  });
});
