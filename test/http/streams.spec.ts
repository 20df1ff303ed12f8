import { setTimeout as sleep } from 'node:timers/promises';

import { start, StreamsController } from './fixture.js';
import type { Started } from './fixture.js';

let server: Started;
beforeAll(async () => {
  server = await start();
});
afterAll(() => server.close());

/** Waits for a condition, not for a time. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}

async function readUntil(response: Response, enough: (text: string) => boolean): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (enough(text)) break;
  }
  return text;
}

describe('a stream', () => {
  it('has the framing and the headers of the contract', async () => {
    const response = await server.get('/v1/streams/count/2', { 'x-request-id': 'stream-1' });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('cache-control')).toBe('no-cache');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect(response.headers.get('x-sla-status')).toBe('');
    expect(response.headers.get('x-request-id')).toBe('stream-1');
    expect(await response.text()).toBe(
      'event: message\nid: 1\ndata: {"seq":1,"text":"é"}\n\nevent: message\nid: 2\ndata: {"seq":2,"text":"é"}\n\n',
    );
  });

  it('that is refused before it opens is an ordinary error', async () => {
    const response = await server.get('/v1/streams/count/refused');
    expect([response.status, response.headers.get('content-type')]).toEqual([409, 'application/json; charset=utf-8']);
  });

  it('of a caller without a credential does not open', async () => {
    expect((await server.get('/v1/streams/count/1', { authorization: '' })).status).toBe(401);
  });

  it('sends its headers before its first frame, and heartbeats while it is silent', async () => {
    const response = await server.get('/v1/streams/silent');
    const text = await readUntil(response, (got) => got.includes('id: 3'));
    expect(text).toContain('event: heartbeat\nid: 2\ndata: {"seq":2}\n\n');
  });

  it('learns that its client has left', async () => {
    const abort = new AbortController();
    const response = await fetch(`${server.url}/v1/streams/silent`, {
      headers: { authorization: 'Bearer reader' },
      signal: abort.signal,
    });
    const signal = StreamsController.lastSignal;
    expect([response.status, signal?.aborted]).toEqual([200, false]);
    abort.abort();
    await until(() => signal?.aborted === true);
  });

  it('waits for a client that does not read, and ends when it leaves', async () => {
    const abort = new AbortController();
    await fetch(`${server.url}/v1/streams/flood`, {
      headers: { authorization: 'Bearer reader' },
      signal: abort.signal,
    });
    let before = -1;
    while (StreamsController.written !== before || before === 0) {
      before = StreamsController.written;
      await sleep(50);
    }
    expect(before).toBeLessThan(64 * 1024 * 1024);
    const signal = StreamsController.lastSignal;
    abort.abort();
    await until(() => signal?.aborted === true);
  });
});

describe('a stop', () => {
  it('lets an open stream end by itself and takes no new connection', async () => {
    const stopping = await start();
    const response = await stopping.get('/v1/streams/silent');
    const closing = stopping.close(60);
    await until(() => !stopping.app.getHttpServer().listening);
    expect(await readUntil(response, () => false)).toContain('heartbeat');
    await closing;
    await expect(stopping.get('/v1/health')).rejects.toThrow();
  });
});
