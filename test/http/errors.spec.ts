import { connect } from 'node:net';

import { start } from './fixture.js';
import type { Started } from './fixture.js';

let server: Started;
beforeAll(async () => {
  server = await start();
});
afterAll(() => server.close());

type ErrorBody = {
  error: { code: string; message: string; details?: Record<string, unknown> };
  meta: { request_id: string };
};
const bodyOf = async (response: Response): Promise<ErrorBody> => (await response.json()) as ErrorBody;

function rawExchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let got = '';
    socket.on('data', (chunk: Buffer) => (got += chunk.toString()));
    socket.on('close', () => resolve(got));
    socket.on('error', reject);
  });
}

describe('an error', () => {
  it('of the catalogue has its code, its title and its public details', async () => {
    const response = await server.get('/v1/boxes/1/fail/conflict');
    expect(response.status).toBe(409);
    expect(await bodyOf(response)).toEqual({
      error: { code: 'BOX_FULL', message: 'The box is full.', details: { holds: 3 } },
      meta: { request_id: response.headers.get('x-request-id'), api_version: 'v1' },
    });
  });

  it('that nobody expected is 500 without a word of its text, with the request id, and is in the log', async () => {
    const response = await server.get('/v1/boxes/1/fail/unknown', { 'x-request-id': 'find-me' });
    expect(response.status).toBe(500);
    expect(response.headers.get('x-request-id')).toBe('find-me');
    expect(await bodyOf(response)).toEqual({
      error: { code: 'INTERNAL_ERROR', message: 'Internal server error' },
      meta: { request_id: 'find-me', api_version: 'v1' },
    });
    const line = server.lines.find((one) => one.includes('"err"') && one.includes('find-me'));
    expect(line).toContain('hunter2');
  });

  it('of an unreachable log is 503 with the time to wait', async () => {
    const response = await server.get('/v1/boxes/1/fail/log');
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('3');
    expect((await bodyOf(response)).error.code).toBe('SERVICE_UNAVAILABLE');
  });

  it('of a database connection that was cut is 503, for the same request may succeed in a moment', async () => {
    const response = await server.get('/v1/boxes/1/fail/database');
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await response.text()).not.toContain('db.internal');
  });

  it('of a frozen log is WRITE_FROZEN', async () => {
    const response = await server.get('/v1/boxes/1/fail/fenced');
    expect([response.status, (await bodyOf(response)).error.code]).toEqual([503, 'WRITE_FROZEN']);
  });

  it('for an unknown address is 404 in the envelope', async () => {
    const response = await server.get('/v1/nothing/here');
    expect([response.status, (await bodyOf(response)).error.code]).toEqual([404, 'NOT_FOUND']);
    expect(response.headers.get('x-request-id')).toBeTruthy();
  });

  it.each(['PUT', 'OPTIONS', 'HEAD'])('for %s on a known address is 405 and names the methods', async (method) => {
    const response = await fetch(`${server.url}/v1/boxes/7`, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('DELETE, GET, PATCH');
    if (method !== 'HEAD') expect((await bodyOf(response)).error.code).toBe('METHOD_NOT_ALLOWED');
  });

  it('for an address that does not decode is 400 in the envelope', async () => {
    const response = await server.get('/v1/boxes/%E0%A4%A');
    expect([response.status, (await bodyOf(response)).error.code]).toEqual([400, 'BAD_REQUEST']);
  });

  it('for bytes that are not HTTP is a 400 with a request id', async () => {
    const text = await rawExchange(Number(new URL(server.url).port), 'NOT HTTP\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 400 .*BAD_REQUEST/s);
    expect(text).toMatch(/x-request-id: /);
  });

  it('for a request that never ends is 408', async () => {
    const slow = await start({}, { REQUEST_TIMEOUT_SECONDS: '1' });
    const head = 'POST /v1/boxes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer admin\r\n';
    const text = await rawExchange(Number(new URL(slow.url).port), head);
    expect(text).toMatch(/^HTTP\/1\.1 408 .*REQUEST_TIMEOUT/s);
    await slow.close();
  });
});

describe('a needless slash at the end', () => {
  it('leads to the address without it and keeps the query', async () => {
    const response = await server.get('/v1/boxes/7/?a=b');
    expect([response.status, response.headers.get('location')]).toEqual([307, '/v1/boxes/7?a=b']);
  });
});

describe('the request id', () => {
  it('is the client’s own when it is short and harmless', async () => {
    const response = await server.get('/v1/health', { 'x-request-id': 'abc.DEF_1:2-3' });
    expect(response.headers.get('x-request-id')).toBe('abc.DEF_1:2-3');
  });

  it.each(['x'.repeat(129), 'a b', '<script>'])('is replaced when the client sends %s', async (id) => {
    const response = await server.get('/v1/health', { 'x-request-id': id });
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is in every log line of the request', async () => {
    await server.get('/v1/boxes/1', { 'x-request-id': 'in-the-log' });
    expect(
      server.lines.some((line) => line.includes('"request_id":"in-the-log"') && line.includes('"status":200')),
    ).toBe(true);
  });
});
