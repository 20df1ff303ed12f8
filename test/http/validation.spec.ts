import { start } from './fixture.js';
import type { Started } from './fixture.js';

let server: Started;
beforeAll(async () => {
  server = await start();
});
afterAll(() => server.close());

interface Problem {
  type: string;
  loc: (string | number)[];
  msg: string;
}

async function problemsOf(response: Response): Promise<Problem[]> {
  expect(response.status).toBe(422);
  const { error } = (await response.json()) as { error: { code: string; details: { errors: Problem[] } } };
  expect(error.code).toBe('REQUEST_VALIDATION_ERROR');
  return error.details.errors;
}

const post = (body: unknown, headers?: Record<string, string>) => server.send('POST', '/v1/boxes', body, headers);
const typesOf = async (body: unknown) =>
  (await problemsOf(await post(body))).map(({ type, loc }) => [type, loc.join('.')]);

describe('a body', () => {
  it('that fits is handed on with its defaults and without what was absent', async () => {
    const { data } = (await (await post({ label: 'a', size: { width: 3 } })).json()) as { data: { seen: object } };
    expect(data.seen).toEqual({ label: 'a', material: 'wood', size: { width: 3 } });
  });

  it.each([
    [{}, 'missing', 'body.label'],
    [{ label: 'a', colour: 'red' }, 'extra_forbidden', 'body.colour'],
    [{ label: 1 }, 'string_type', 'body.label'],
    [{ label: null }, 'string_type', 'body.label'],
    [{ label: '' }, 'string_too_short', 'body.label'],
    [{ label: 'x'.repeat(21) }, 'string_too_long', 'body.label'],
    [{ label: 'a', material: 'gold' }, 'literal_error', 'body.material'],
    [{ label: 'a', size: 4 }, 'dict_type', 'body.size'],
    [{ label: 'a', size: {} }, 'missing', 'body.size.width'],
    [{ label: 'a', size: { width: 0 } }, 'greater_than_equal', 'body.size.width'],
    [{ label: 'a', size: { width: 101 } }, 'less_than_equal', 'body.size.width'],
    [{ label: 'a', size: { width: '7' } }, 'int_type', 'body.size.width'],
    [{ label: 'a', size: { width: 2, depth: 1 } }, 'extra_forbidden', 'body.size.depth'],
    [{ label: 'a', parts: {} }, 'list_type', 'body.parts'],
    [{ label: 'a', parts: [{ width: 1 }, { width: 0 }] }, 'greater_than_equal', 'body.parts.1.width'],
    [{ label: 'a', parts: [1] }, 'dict_type', 'body.parts'],
    [{ label: 'a', parts: [{ width: 1 }, { width: 1 }, { width: 1 }] }, 'too_long', 'body.parts'],
    [{ label: 'a', tags: ['ok', 'too long'] }, 'string_too_long', 'body.tags'],
    [{ label: 'a', packed_at: 'yesterday' }, 'datetime_parsing', 'body.packed_at'],
    [{ label: 'a', packed_at: '2026-02-29T00:00:00Z' }, 'datetime_parsing', 'body.packed_at'],
    [{ label: 'a', packed_at: '0000-01-01T00:00:00Z' }, 'datetime_parsing', 'body.packed_at'],
    [{ label: 'a', packed_at: '9999-12-31T23:59:59-14:00' }, 'datetime_parsing', 'body.packed_at'],
    [[], 'dict_type', 'body'],
    ['null', 'dict_type', 'body'],
    ['', 'missing', 'body.label'],
    ['{"label":', 'json_invalid', 'body'],
    ['{"label":"a","weight":NaN}', 'json_invalid', 'body'],
    ['{"label":"a\\u0000"}', 'json_invalid', 'body'],
    ['{"label":"a","__proto__":{"x":1}}', 'json_invalid', 'body'],
    ['['.repeat(2_000), 'json_invalid', 'body'],
  ])('%j is refused as %s at %s', async (body, type, loc) => {
    expect(await typesOf(body)).toEqual([[type, loc]]);
  });

  it('takes an escaped backslash before u0000 for the text that it is', async () => {
    expect((await post('{"label":"a\\\\u0000"}')).status).toBe(201);
  });

  it('has U+FFFD where half a surrogate pair was', async () => {
    const { data } = (await (await post('{"label":"a\\ud800"}')).json()) as { data: object };
    expect(data).toMatchObject({ seen: { label: 'a\ufffd' } });
  });

  it('may be answered with another status than the declared one', async () => {
    expect((await post({ label: 'known' })).status).toBe(200);
  });

  it('reports every wrong field at once', async () => {
    const types = await typesOf({ material: 'gold', size: { width: 0 }, colour: 1 });
    expect(types.map(([type]) => type).sort()).toEqual([
      'extra_forbidden',
      'greater_than_equal',
      'literal_error',
      'missing',
    ]);
  });

  it('is never shown back, not even in part', async () => {
    const text = await (
      await post({ label: 'a', material: 'hunter2', size: { width: 'hunter2' }, tags: ['hunter2'] })
    ).text();
    expect(text).not.toContain('hunter2');
  });

  it('of another content type is 415', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      const response = await post('label=a', { 'content-type': type });
      expect([type, response.status]).toEqual([type, 415]);
    }
  });

  it('with U+0000 in a field or in its file name is 422', async () => {
    for (const [note, name] of [
      ['a\0', 'a.txt'],
      ['a', 'a\0.txt'],
    ]) {
      const body = `--x\r\ncontent-disposition: form-data; name="note"\r\n\r\n${note}\r\n--x\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\ncontent-type: text/plain\r\n\r\nx\r\n--x--\r\n`;
      const headers = { authorization: 'Bearer editor', 'content-type': 'multipart/form-data; boundary=x' };
      expect((await fetch(`${server.url}/v1/boxes/files`, { method: 'POST', body, headers })).status).toBe(422);
    }
  });

  it('that is too long is 413', async () => {
    const response = await post({ label: 'x'.repeat(5_000) });
    expect(response.status).toBe(413);
    expect(((await response.json()) as { error: { code: string } }).error.code).toBe('PAYLOAD_TOO_LARGE');
  });

  it('that names a tenant is refused where the endpoint says so', async () => {
    const response = await post({ label: 'a', tenant_id: 't2' });
    expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([
      400,
      'TENANT_ID_NOT_ALLOWED',
    ]);
  });

  it('of a PATCH tells absent from null', async () => {
    const patch = async (body: object) =>
      ((await (await server.send('PATCH', '/v1/boxes/1', body)).json()) as { data: { seen: object } }).data.seen;
    expect(await patch({})).toEqual({ given: [], note: 'nothing' });
    expect(await patch({ note: null })).toEqual({ given: ['note'], note: 'nothing' });
  });
});

describe('a query', () => {
  it('is read by its fields’ kinds and ignores what it does not know', async () => {
    const { data } = (await (await server.get('/v1/boxes?limit=1&empty=true&utm=x')).json()) as {
      data: { seen: object }[];
    };
    expect(data[0]?.seen).toEqual({ limit: 1, empty: true });
  });

  it.each([
    ['limit=0', 'greater_than_equal'],
    ['limit=abc', 'int_type'],
    ['limit=99999999999999999999', 'int_type'],
    ['limit=1&limit=2', 'int_type'],
    ['empty=perhaps', 'bool_type'],
    ['cursor=%00', 'string_type'],
  ])('%s is refused as %s', async (query, type) => {
    const [problem] = await problemsOf(await server.get(`/v1/boxes?${query}`));
    expect([problem?.type, problem?.loc[0]]).toEqual([type, 'query']);
  });

  it('with U+0000 in the path is refused', async () => {
    expect((await problemsOf(await server.get('/v1/boxes/a%00b')))[0]?.loc).toEqual(['path', 'id']);
  });
});

describe('an upload', () => {
  const form = (bytes: number, note?: string) => {
    const body = new FormData();
    if (note !== undefined) body.set('note', note);
    body.set('file', new Blob(['x'.repeat(bytes)], { type: 'text/plain' }), 'a.txt');
    return fetch(`${server.url}/v1/boxes/files`, { method: 'POST', body, headers: { authorization: 'Bearer editor' } });
  };

  it('gives the handler its file and its checked fields', async () => {
    const { data } = (await (await form(100, 'hello')).json()) as { data: { id: string; seen: object } };
    expect(data).toMatchObject({ id: 'a.txt', seen: { note: 'hello', bytes: 100 } });
  });

  it('with U+0000 in a field or in its file name is 422', async () => {
    for (const [note, name] of [
      ['a\0', 'a.txt'],
      ['a', 'a\0.txt'],
    ]) {
      const body = `--x\r\ncontent-disposition: form-data; name="note"\r\n\r\n${note}\r\n--x\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\ncontent-type: text/plain\r\n\r\nx\r\n--x--\r\n`;
      const headers = { authorization: 'Bearer editor', 'content-type': 'multipart/form-data; boundary=x' };
      expect((await fetch(`${server.url}/v1/boxes/files`, { method: 'POST', body, headers })).status).toBe(422);
    }
  });

  it('that is too long is 413', async () => {
    expect((await form(2_001)).status).toBe(413);
  });

  it('with a wrong field is 422, and so is one without a file', async () => {
    expect((await form(10, 'x'.repeat(21))).status).toBe(422);
    expect((await problemsOf(await server.send('POST', '/v1/boxes/files', {})))[0]?.loc).toEqual(['body', 'file']);
  });
});
