import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { StoredEvent } from '#infra/event-log/event-log.js';
import { EventStoreDbEventLog } from '#infra/event-log/eventstoredb-event-log.js';

const flags = ['--conditions=source', '--no-warnings'];
const source = ['--import=./test/support/swc-source.mjs'];

interface Child {
  readonly process: ChildProcessWithoutNullStreams;
  readonly lines: Interface;
  readonly said: string[];
  readonly ended: Promise<unknown>;
}

function start(script: string, ...args: readonly string[]): Child {
  const child = spawn(process.execPath, [...flags, ...source, `test/support/${script}`, ...args]);
  child.stderr.pipe(process.stderr);
  const lines = createInterface({ input: child.stdout });
  const said: string[] = [];
  lines.on('line', (line) => said.push(line));
  return { process: child, lines, said, ended: once(child, 'exit') };
}

describe('several writer processes on one EventStoreDB', () => {
  let server: Child;
  let url: string;
  let log: EventStoreDbEventLog;
  const writers: Child[] = [];
  beforeEach(async () => {
    server = start('eventstore-stand-in/main.ts');
    [url] = (await once(server.lines, 'line')) as [string];
    log = await EventStoreDbEventLog.open({ connectionString: url, firstBackoffMs: 10 });
  });
  afterEach(async () => {
    for (const writer of writers.splice(0)) writer.process.kill('SIGKILL');
    await log.close();
    server.process.stdin.end();
    await server.ended;
  });

  function write(name: string, rounds: number): Child {
    const writer = start('event-log-writer.ts', url, name, String(rounds));
    writers.push(writer);
    return writer;
  }

  async function follow(enough: (seen: readonly StoredEvent[]) => boolean): Promise<StoredEvent[]> {
    const stop = new AbortController();
    const seen: StoredEvent[] = [];
    for await (const batch of log.subscribe({ after: null, signal: stop.signal, batchSize: 97 })) {
      seen.push(...batch.events);
      if (enough(seen)) stop.abort();
    }
    return seen;
  }

  function expectInOrder(seen: readonly StoredEvent[]): void {
    const next = new Map<string, number>();
    let last = '';
    for (const event of seen) {
      expect(event.position > last).toBe(true);
      expect(event.revision).toBe(next.get(event.stream) ?? 0);
      next.set(event.stream, event.revision + 1);
      last = event.position;
    }
  }

  const acknowledged = ({ said }: Child): readonly string[] => said.filter((line) => line !== 'ready');

  it('keep every stream in order, end by themselves, and a reader beside them misses nothing', async () => {
    const two = [write('a', 40), write('b', 40)];
    const seen = await follow((events) => events.length >= 2 * 12 * 40);
    // A log that was closed leaves no timer and no socket that would keep its process.
    await Promise.all(two.map(({ ended }) => ended));
    expectInOrder(seen);
    expect(seen).toHaveLength(960);
    const ids = new Set(seen.map(({ id }) => id));
    for (const writer of two) expect(acknowledged(writer).every((id) => ids.has(id))).toBe(true);
  });

  it('lose nothing that was acknowledged when one is killed in the middle', async () => {
    const [killed, other] = [write('killed', 1_000_000), write('other', 30)];
    await follow(() => acknowledged(killed).length > 100);
    killed.process.kill('SIGKILL');
    await Promise.all([killed.ended, other.ended]);
    const head = (await log.head()) ?? '';
    const seen = await follow((events) => (events.at(-1)?.position ?? '') >= head);
    expectInOrder(seen);
    const ids = new Set(seen.map(({ id }) => id));
    for (const writer of [killed, other]) expect(acknowledged(writer).filter((id) => !ids.has(id))).toEqual([]);
  });
});
