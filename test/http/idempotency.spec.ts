import { IdempotencyStore } from '#infra/idempotency/idempotency-store.js';
import { fileHome } from '#test/content/key-stores.js';
import type { KeyStoreHome } from '#test/content/key-stores.js';
import { openTestDatabase } from '#test/support/database.js';
import type { TestDatabase } from '#test/support/database.js';

import { ran, start } from './fixture.js';
import type { Started } from './fixture.js';

let database: TestDatabase;
let home: KeyStoreHome;
let store: IdempotencyStore;
let server: Started;
let closeKeys: () => Promise<void>;

beforeAll(async () => {
  database = await openTestDatabase();
  home = await fileHome();
  const keys = await home.open();
  closeKeys = () => keys.close();
  store = new IdempotencyStore(database.database, keys, {});
  server = await start({ idempotency: store });
});
afterAll(async () => {
  await server.close();
  await store.close();
  await closeKeys();
  await home.remove();
  await database.drop();
});

let count = 0;
const freshKey = (): string => `key-${(count += 1)}`;
const make = (key: string, label = 'a', headers: Record<string, string> = {}) =>
  server.send('POST', '/v1/boxes', { label }, { 'idempotency-key': key, ...headers });
const codeOf = async (response: Response): Promise<string> =>
  ((await response.json()) as { error: { code: string } }).error.code;

async function creationsDuring(work: () => Promise<unknown>): Promise<number> {
  const before = ran.creations;
  await work();
  return ran.creations - before;
}

describe('a repeated request', () => {
  it('is answered with the bytes and headers of the first, and runs nothing', async () => {
    const key = freshKey();
    const first = await make(key, 'a', { 'x-request-id': 'first' });
    const text = await first.text();
    const runs = await creationsDuring(async () => {
      const second = await make(key, 'a', { 'x-request-id': 'second' });
      expect([second.status, await second.text()]).toEqual([201, text]);
      expect(second.headers.get('idempotency-replayed')).toBe('true');
      expect(second.headers.get('x-request-id')).toBe('first');
      expect(second.headers.get('x-made')).toBe(first.headers.get('x-made'));
      expect(second.headers.get('content-type')).toBe(first.headers.get('content-type'));
    });
    expect(runs).toBe(0);
  });

  it('runs once when 20 callers send it together', async () => {
    const key = freshKey();
    const bodies: string[] = [];
    const runs = await creationsDuring(async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => make(key)));
      for (const answer of answers) bodies.push(await answer.text());
    });
    expect([runs, new Set(bodies).size]).toEqual([1, 1]);
  });

  it('of a deletion replays its empty answer', async () => {
    const key = { 'idempotency-key': freshKey() };
    const destroy = () =>
      fetch(`${server.url}/v1/boxes/1`, { method: 'DELETE', headers: { authorization: 'Bearer admin', ...key } });
    expect((await destroy()).status).toBe(204);
    const second = await destroy();
    expect([second.status, second.headers.get('idempotency-replayed')]).toEqual([204, 'true']);
  });

  it('with another body is a conflict, and with the same one written differently is not', async () => {
    const key = freshKey();
    await make(key);
    expect(await codeOf(await make(key, 'b'))).toBe('IDEMPOTENCY_KEY_CONFLICT');
    const reordered = await server.send('POST', '/v1/boxes', '{"material":"wood", "label":"a"}', {
      'idempotency-key': ` ${key} `,
    });
    expect(reordered.headers.get('idempotency-replayed')).toBe('true');
  });

  it('of another actor is another request', async () => {
    const key = freshKey();
    await make(key);
    const other = await make(key, 'a', { authorization: 'Bearer admin:k2' });
    expect([other.status, other.headers.get('idempotency-replayed')]).toEqual([201, null]);
  });

  it('runs again after an error', async () => {
    const key = freshKey();
    const runs = await creationsDuring(async () => {
      expect((await make(key, 'boom')).status).toBe(409);
      expect((await make(key, 'boom')).status).toBe(409);
    });
    expect(runs).toBe(2);
  });

  it('claims nothing when it is not valid', async () => {
    const key = freshKey();
    expect((await make(key, '')).status).toBe(422);
    expect((await make(key, 'a')).status).toBe(201);
  });

  it('on a legacy address runs again', async () => {
    const key = { 'idempotency-key': freshKey() };
    const runs = await creationsDuring(async () => {
      await server.send('POST', '/boxes', { label: 'a' }, key);
      await server.send('POST', '/boxes', { label: 'a' }, key);
    });
    expect(runs).toBe(2);
  });
});

describe('an idempotency key', () => {
  it('longer than 128 characters is 422, and a blank one is 400', async () => {
    const long = await make('x'.repeat(129));
    expect([long.status, await codeOf(long)]).toEqual([422, 'REQUEST_VALIDATION_ERROR']);
    expect((await make('x'.repeat(128))).status).toBe(201);
    const blank = await make('  ');
    expect([blank.status, await codeOf(blank)]).toEqual([400, 'IDEMPOTENCY_KEY_INVALID']);
  });
});

describe('a repeated upload', () => {
  const upload = (key: string, content: string) => {
    const body = new FormData();
    body.set('file', new Blob([content], { type: 'text/plain' }), 'a.txt');
    const headers = { authorization: 'Bearer editor', 'idempotency-key': key };
    return fetch(`${server.url}/v1/boxes/files`, { method: 'POST', body, headers });
  };

  it('is known by its content, not by its boundary', async () => {
    const key = freshKey();
    await upload(key, 'one');
    expect((await upload(key, 'one')).headers.get('idempotency-replayed')).toBe('true');
    expect((await upload(key, 'two')).status).toBe(409);
  });
});
