import type { DomainEvent } from '#domain/kernel/events.js';
import { AppendOutcomeUnknown, LogUnavailable, type StoredEvent } from '#infra/event-log/event-log.js';
import { MemoryEventLog } from '#infra/event-log/memory-event-log.js';
import { AccessRecorder, type Accessor, type AccessRecorderOptions } from './access-recorder.js';

const came = (path = '/v1/corpora'): DomainEvent => ({ type: 'Came', data: { path, method: 'GET', userId: 'u1' } });
const refused = (code = 'AUTH_UNAUTHORIZED', path = '/v1/run'): DomainEvent => ({
  type: 'Refused',
  data: { path, method: 'POST', code, count: 1, windowSeconds: 0 },
});
const ada: Accessor = {
  tenantId: 'alpha',
  actor: { type: 'api_key', id: 'k1', role: 'admin' },
  requestId: 'req-1',
  ipAddress: '192.0.2.7',
  userAgent: 'a test',
};
const eve: Accessor = { ...ada, ipAddress: '192.0.2.66' };

/** A log that fails on demand: before it stores, or after. */
class Faulty extends MemoryEventLog {
  fault: 'none' | 'down' | 'silent' = 'none';

  constructor() {
    super('access');
  }

  override async append(...args: Parameters<MemoryEventLog['append']>) {
    if (this.fault === 'down') throw new LogUnavailable('down', 1);
    const result = await super.append(...args);
    if (this.fault === 'silent') throw new AppendOutcomeUnknown(args[0]);
    return result;
  }
}

describe('the access recorder', () => {
  let log: Faulty;
  let recorder: AccessRecorder;
  let problems: string[];

  const open = (over: Partial<AccessRecorderOptions> = {}): void => {
    recorder = new AccessRecorder({
      log,
      versionOf: () => 1,
      onProblem: (error) => problems.push(String(error)),
      gatherMs: 1,
      ...over,
    });
  };
  const stored = async (): Promise<readonly StoredEvent[]> =>
    (await log.readAll({ after: null, limit: 10_000 })).events;
  const eventually = async (count: number): Promise<readonly StoredEvent[]> => {
    for (;;) {
      const events = await stored();
      if (events.length >= count) return events;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  beforeEach(() => {
    log = new Faulty();
    problems = [];
    open();
  });
  afterEach(() => recorder.stop());

  it('writes in the background what it was told, with who, whence and under which request', async () => {
    recorder.record(came(), ada);
    const [event] = await eventually(1);
    expect(event).toMatchObject({
      stream: expect.stringMatching(/^access-alpha\.\d{4}-\d\d-\d\d$/),
      type: 'Came',
      data: { path: '/v1/corpora', method: 'GET', userId: 'u1' },
      metadata: {
        tenantId: 'alpha',
        actor: ada.actor,
        requestId: 'req-1',
        ipAddress: '192.0.2.7',
        userAgent: 'a test',
      },
    });
  });

  it('writes many of one tenant as few appends', async () => {
    let appends = 0;
    const append = log.append.bind(log);
    log.append = (...args) => ((appends += 1), append(...args));
    for (let n = 0; n < 2_500; n += 1) recorder.record(came(), ada);
    recorder.record(came(), { ...ada, tenantId: 'beta' });
    expect(await eventually(2_501)).toHaveLength(2_501);
    expect(appends).toBeLessThanOrEqual(4);
  });

  it('has a refusal stored when it says so', async () => {
    await recorder.recorded(refused(), ada);
    expect((await stored()).map(({ type }) => type)).toEqual(['Refused']);
  });

  it('counts what repeats instead of writing it', async () => {
    for (let n = 0; n < 50; n += 1) await recorder.recorded(refused('AUTH_UNAUTHORIZED', `/v1/${n}`), ada);
    expect(await stored()).toHaveLength(1);
    await recorder.stop();
    const [first, summary, ...more] = await stored();
    expect(more).toEqual([]);
    expect(first?.data).toMatchObject({ path: '/v1/0', count: 1, windowSeconds: 0 });
    expect(summary?.data).toMatchObject({ path: '/v1/49', count: 49, windowSeconds: 1 });
    expect(recorder.stats).toMatchObject({ stored: 2, collapsed: 49 });
  });

  it('tells of what it counted at the end of the window, and begins anew', async () => {
    open({ windowMs: 20 });
    while (recorder.stats.collapsed === 0) await recorder.recorded(refused(), ada);
    const counted = async () => (await stored()).filter(({ data }) => data['windowSeconds'] === 1);
    while ((await counted()).length === 0) await new Promise((resolve) => setImmediate(resolve));
    const before = (await stored()).length;
    await recorder.recorded(refused(), ada);
    expect((await stored()).length).toBeGreaterThan(before);
  });

  it('takes another code, address, tenant or reason for another kind', async () => {
    const network = { ...refused(), data: { ...refused().data, reason: 'network' } };
    await Promise.all([
      recorder.recorded(refused(), ada),
      recorder.recorded(refused('AUTH_REVOKED_KEY'), ada),
      recorder.recorded(refused(), eve),
      recorder.recorded(refused(), { ...ada, tenantId: 'beta' }),
      recorder.recorded(network, ada),
    ]);
    expect(await stored()).toHaveLength(5);
  });

  it('counts together, without an address, what is of too many addresses', async () => {
    open({ kinds: 2 });
    for (let n = 0; n < 100; n += 1) await recorder.recorded(refused(), { ...ada, ipAddress: `192.0.2.${n}` });
    expect(await stored()).toHaveLength(3);
    await recorder.stop();
    expect((await stored()).at(-1)).toMatchObject({ data: { count: 97 }, metadata: { ipAddress: null } });
  });

  it('lets an answer go when the log is down, and stores the refusal when it is back', async () => {
    open({ patienceMs: 5 });
    log.fault = 'down';
    await recorder.recorded(refused(), ada);
    expect(await stored()).toEqual([]);
    expect(recorder.stats).toMatchObject({ late: 1, stored: 0, waiting: 1 });
    expect(problems).toContainEqual(expect.stringContaining('Refused was not stored before its answer'));
    log.fault = 'none';
    expect(await eventually(1)).toHaveLength(1);
  });

  it('stores once what was sent again because nobody answered', async () => {
    log.fault = 'silent';
    const refusal = recorder.recorded(refused(), ada);
    recorder.record(came(), ada);
    await eventually(1);
    log.fault = 'none';
    await refusal;
    await recorder.stop();
    expect((await stored()).map(({ type }) => type)).toEqual(['Refused', 'Came']);
    expect(recorder.stats.retried).toBeGreaterThan(0);
  });

  it('drops what it has no room for, counts it and says so', async () => {
    open({ capacity: 10, patienceMs: 5 });
    log.fault = 'down';
    for (let n = 0; n < 25; n += 1) recorder.record(came(), ada);
    await recorder.recorded(refused(), ada);
    expect(recorder.stats).toMatchObject({ waiting: 10, dropped: 16 });
    log.fault = 'none';
    await recorder.stop();
    expect(await stored()).toHaveLength(10);
    expect(problems).toContainEqual(expect.stringContaining('16 access events could not be recorded'));
  });

  it('loses only the event that no log takes', async () => {
    const poison = { type: 'Came', data: { path: Number.NaN } };
    for (let n = 0; n < 20; n += 1) recorder.record(n === 7 ? poison : came(`/${n}`), ada);
    const events = await eventually(19);
    expect(events.map(({ data }) => data['path'])).not.toContain('/7');
    await recorder.stop();
    expect(recorder.stats).toMatchObject({ stored: 19, dropped: 1 });
  });

  it('writes what waits, and what it counted, before it stops', async () => {
    open({ gatherMs: 60_000 });
    await recorder.recorded(refused(), ada);
    await recorder.recorded(refused(), ada);
    recorder.record(came(), ada);
    await recorder.stop();
    expect((await stored()).map(({ type, data }) => [type, data['count']])).toEqual([
      ['Refused', 1],
      ['Came', undefined],
      ['Refused', 1],
    ]);
  });

  it('keeps no credential of an address line or a user agent, and no more text than is worth keeping', async () => {
    const path = `/v1/nrgk_canary/${'x'.repeat(5_000)}`;
    recorder.record(came(path), { ...ada, userAgent: 'curl Bearer canary123 \ud800\0' });
    const [event] = await eventually(1);
    expect(JSON.stringify(event)).not.toContain('canary');
    expect(String(event?.data['path']).length).toBeLessThan(1_100);
    expect(event?.metadata.userAgent).toMatch(/ \ufffd\ufffd$/);
  });
});
