import { connect } from 'node:net';

import { Controller, Module } from '@nestjs/common';

import { loadConfig } from '#infra/config/config.js';
import { Endpoint } from '#api/http/endpoint.js';
import { until } from '#test/support/until.js';

import { BoxesModule, start, type Started } from './fixture.js';

const opened: Started[] = [];

async function open(env: Record<string, string> = {}, deps: Parameters<typeof start>[0] = {}): Promise<Started> {
  const server = await start(deps, env);
  opened.push(server);
  return server;
}

afterEach(async () => {
  for (const server of opened.splice(0)) await server.close();
});

/** Sends pieces on a bare socket, reads until the server ends it, and tells how it ended. */
function rawExchange(server: Started, pieces: readonly string[]): Promise<{ text: string; reset: boolean }> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    let text = '';
    let reset = false;
    socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
    socket.on('error', () => (reset = true));
    socket.on('close', () => resolve({ text, reset }));
    for (const piece of pieces) socket.write(piece);
  });
}

const HEAD = 'host: x\r\nauthorization: Bearer admin\r\ncontent-type: application/json\r\n';

describe('every answer', () => {
  const expected = {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  };
  const securityOf = (headers: Headers): object =>
    Object.fromEntries(Object.keys(expected).map((name) => [name, headers.get(name)]));

  it.each([
    ['a success', '/v1/boxes/1', 200],
    ['a refusal', '/v1/boxes?limit=0', 422],
    ['a stream', '/v1/streams/count/3', 200],
    ['nothing there', '/v1/nothing', 404],
    ['an old address', '/boxes/1', 200],
    ['a redirect', '/v1/boxes/1/', 307],
    ['an address that does not decode', '/v1/boxes/%E0%A4%A', 400],
    ['a failure', '/v1/boxes/1/fail/unknown', 500],
  ])('carries the security headers and the request id: %s', async (_, path, status) => {
    const server = await open();
    const response = await server.get(path, { 'x-request-id': 'mine' });
    expect([response.status, response.headers.get('x-request-id')]).toEqual([status, 'mine']);
    expect(securityOf(response.headers)).toEqual(expected);
    await response.body?.cancel();
  });

  it('carries them also when the request was no HTTP', async () => {
    const { text } = await rawExchange(await open(), ['NOT HTTP\r\n\r\n']);
    for (const [name, value] of Object.entries(expected))
      expect(text.toLowerCase()).toContain(`${name}: ${value.toLowerCase()}`);
  });

  it('tells browsers to come by TLS only when the request did, as a trusted proxy says', async () => {
    const forwarded = { 'x-forwarded-proto': 'https' };
    const alone = await open();
    expect((await alone.get('/v1/boxes/1', forwarded)).headers.get('strict-transport-security')).toBeNull();
    const behind = await open({ TRUSTED_PROXIES: '127.0.0.1' });
    expect((await behind.get('/v1/boxes/1', forwarded)).headers.get('strict-transport-security')).toMatch(
      /^max-age=\d+/,
    );
    expect((await behind.get('/v1/boxes/1')).headers.get('strict-transport-security')).toBeNull();
  });
});

describe('a page of another origin', () => {
  const origin = 'https://app.example.com';
  const preflight = (server: Started, from: string, path = '/v1/boxes', method = 'POST') =>
    fetch(`${server.url}${path}`, {
      method: 'OPTIONS',
      headers: { origin: from, 'access-control-request-method': method },
    });
  const corsOf = (response: Response): readonly string[] =>
    [...response.headers.keys()].filter((name) => name.startsWith('access-control-'));

  it('is told nothing while no origin is listed, and its preflight is a wrong method', async () => {
    const server = await open();
    expect(corsOf(await server.get('/v1/boxes', { origin }))).toEqual([]);
    const response = await preflight(server, origin);
    expect([response.status, response.headers.get('allow'), corsOf(response)]).toEqual([405, 'GET, POST', []]);
  });

  it('may call and read the headers of the contract when it is listed', async () => {
    const server = await open({ CORS_ALLOW_ORIGINS: `https://other.example, ${origin}` });
    const asked = await preflight(server, origin);
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([204, origin]);
    expect(asked.headers.get('access-control-allow-methods')).toBe('GET, POST');
    expect(asked.headers.get('access-control-allow-headers')).toContain('Authorization');
    const read = await server.get('/v1/boxes', { origin });
    expect(read.headers.get('access-control-allow-origin')).toBe(origin);
    expect(read.headers.get('access-control-expose-headers')).toContain('X-Request-Id');
    const refused = await server.get('/v1/boxes', { origin, authorization: 'Bearer nobody' });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, origin]);
  });

  it('is never answered with a star, nor allowed credentials, nor heard when it is not listed', async () => {
    const server = await open({ CORS_ALLOW_ORIGINS: origin });
    for (const from of [
      'https://evil.example',
      'https://app.example.com.evil.example',
      'null',
      'http://app.example.com',
    ]) {
      expect(corsOf(await server.get('/v1/boxes', { origin: from }))).toEqual([]);
      expect([(await preflight(server, from)).status, from]).toEqual([405, from]);
    }
    const read = await server.get('/v1/boxes', { origin });
    expect([read.headers.get('vary'), read.headers.get('access-control-allow-credentials')]).toEqual(['Origin', null]);
    expect((await preflight(server, origin, '/v1/boxes', 'PUT')).status).toBe(405);
    expect((await preflight(server, origin, '/v1/nothing')).status).toBe(404);
  });

  it('cannot be listed by a star or by a path', () => {
    const load = (origins: string) => () =>
      loadConfig({ env: { CORS_ALLOW_ORIGINS: origins }, readFile: () => undefined });
    expect(load('*')).toThrow('not an origin');
    expect(load('https://app.example.com/page')).toThrow('not an origin');
    expect(load('https://app.example.com')).not.toThrow();
  });
});

describe('the documentation', () => {
  it('is served by default and gone without a trace when it is switched off', async () => {
    const shown = await open();
    expect((await shown.get('/v1/openapi.json')).status).toBe(200);
    const hidden = await open({ DOCS_ENABLED: 'false' });
    for (const path of ['/v1/docs', '/v1/openapi.json', '/v1/docs/assets/start.js', '/docs', '/openapi.json'])
      expect([path, (await hidden.get(path)).status]).toEqual([path, 404]);
  });
});

describe('a request that is too large', () => {
  it('is 431 in the envelope when its headers flood, and the answer arrives', async () => {
    const server = await open();
    const flood = Array.from({ length: 20 }, (_, at) => `x-flood-${at}: ${'y'.repeat(8_000)}\r\n`);
    const { text } = await rawExchange(server, ['GET /v1/boxes/1 HTTP/1.1\r\n', HEAD, ...flood, '\r\n']);
    expect(text).toMatch(/^HTTP\/1\.1 431 .*"code":"HEADERS_TOO_LARGE"/s);
    expect(text).toMatch(/x-request-id: [0-9a-f-]{36}/);
  });

  it('is 414 in the envelope when its address is too long', async () => {
    const server = await open();
    const response = await server.get(`/v1/boxes?x=${'y'.repeat(9_000)}`);
    expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([
      414,
      'URI_TOO_LONG',
    ]);
  });

  it('is 413 in the envelope, and the answer arrives although the client is still sending', async () => {
    const server = await open();
    for (const head of [`content-length: 31457280\r\n`, `transfer-encoding: chunked\r\n`]) {
      const chunk = 'z'.repeat(65_536);
      const body = head.startsWith('content') ? [chunk] : [`10000\r\n${chunk}\r\n`];
      const pieces = Array.from({ length: 480 }, () => body[0] ?? '');
      const { text } = await rawExchange(server, [`POST /v1/boxes HTTP/1.1\r\n${HEAD}${head}\r\n`, ...pieces]);
      expect(text).toMatch(/^HTTP\/1\.1 413 .*"code":"PAYLOAD_TOO_LARGE"/s);
    }
  });

  it('is 413 for a client that reads only when it has sent all', async () => {
    const server = await open();
    const response = await server.send('POST', '/v1/boxes', 'z'.repeat(30 * 1024 * 1024));
    expect(response.status).toBe(413);
  });

  it('is 401 before its body is read when nobody sent it', async () => {
    const server = await open();
    const head =
      'POST /v1/boxes HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 31457280\r\n\r\n';
    const answered = await new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      socket.once('data', (bytes: Buffer) => {
        socket.destroy();
        resolve(bytes.toString());
      });
      socket.write(head);
    });
    expect(answered).toMatch(/^HTTP\/1\.1 401 /);
  });
});

@Controller('slow')
class SlowController {
  static release: () => void = () => undefined;
  static runs = 0;

  @Endpoint('POST /', { does: 'Wait', role: 'editor' })
  async wait(): Promise<{ run: number }> {
    SlowController.runs += 1;
    await new Promise<void>((resolve) => (SlowController.release = resolve));
    return { run: SlowController.runs };
  }
}

@Module({ controllers: [SlowController] })
class SlowModule {}

describe('a request that takes too long', () => {
  it('is 503 with a code while its handler ends by itself, and its key stays claimed until then', async () => {
    const ended: string[] = [];
    const idempotency = {
      claim: (_: unknown, __: string, facts: never) =>
        Promise.resolve({ state: 'run', claimId: 'c1', facts, takenOver: false } as const),
      complete: () => Promise.resolve(ended.push('complete') > 0),
      release: () => Promise.resolve(ended.push('release') > 0),
      giveUp: () => Promise.resolve(ended.push('giveUp') > 0),
    };
    const server = await open({ REQUEST_TIMEOUT_SECONDS: '1' }, { imports: [SlowModule, BoxesModule], idempotency });
    const response = await server.send('POST', '/v1/slow', {}, { 'idempotency-key': 'k' });
    const body = (await response.json()) as { error: { code: string } };
    expect([response.status, body.error.code, response.headers.get('retry-after')]).toEqual([
      503,
      'REQUEST_DEADLINE_EXCEEDED',
      '1',
    ]);
    expect(ended).toEqual([]);
    SlowController.release();
    await until('the claim is given up with its facts', () => ended.length > 0);
    expect(ended).toEqual(['giveUp']);
    expect((await server.get('/v1/boxes/1')).status).toBe(200);
  });

  it('is 408 with a code while its body is still being sent', async () => {
    const server = await open({ REQUEST_TIMEOUT_SECONDS: '1' });
    const { text } = await rawExchange(server, [`POST /v1/boxes HTTP/1.1\r\n${HEAD}content-length: 100\r\n\r\n{"la`]);
    expect(text).toMatch(/^HTTP\/1\.1 408 .*"code":"REQUEST_TIMEOUT"/s);
  });
});
