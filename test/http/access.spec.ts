import { start } from './fixture.js';
import type { Started } from './fixture.js';

let server: Started;
beforeAll(async () => {
  server = await start();
});
afterAll(() => server.close());

const codeOf = async (response: Response): Promise<string> =>
  ((await response.json()) as { error: { code: string } }).error.code;
const as = (role: string) => ({ authorization: `Bearer ${role}` });

describe('a caller', () => {
  it('without a credential is refused with a challenge', async () => {
    const response = await server.get('/v1/boxes', { authorization: '' });
    expect([response.status, await codeOf(response)]).toEqual([401, 'AUTH_UNAUTHORIZED']);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
  });

  it('below the role is refused and reported', async () => {
    const response = await server.send('POST', '/v1/boxes', { label: 'a' }, as('reader'));
    expect([response.status, await codeOf(response)]).toEqual([403, 'AUTH_FORBIDDEN']);
    const data = { path: '/v1/boxes', method: 'POST', requiredRole: 'editor', reason: 'role' };
    expect(server.access.events).toContainEqual({ type: 'RoleRefused', data: expect.objectContaining(data) });
  });

  it('of a higher role may do what a lower one may', async () => {
    expect((await server.get('/v1/boxes', as('editor'))).status).toBe(200);
  });

  it('is known to the handler, with facts for its command', async () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const response = await server.get('/v1/boxes/1', { ...as('reader:slow'), 'x-request-id': 'r1', traceparent });
    const { data } = (await response.json()) as { data: { seen: Record<string, unknown> } };
    expect(data.seen).toMatchObject({
      tenant: 't1',
      trace: traceparent,
      facts: { tenantId: 't1', requestId: 'r1', actor: { type: 'api_key', id: 'slow', role: 'reader' } },
    });
  });

  it('without a credential is refused before its body is looked at', async () => {
    const malformed = await server.send('POST', '/v1/boxes', '{', { authorization: '' });
    const wrongType = await server.send('POST', '/v1/boxes', 'x', { authorization: '', 'content-type': 'text/csv' });
    const tooLong = await server.send('POST', '/v1/boxes', 'x'.repeat(10_000), { authorization: '' });
    expect([malformed.status, wrongType.status, tooLong.status]).toEqual([401, 401, 401]);
  });
});

describe('a legacy address', () => {
  it('is served bare by the same endpoint and announces its end', async () => {
    const response = await server.get('/boxes/7');
    expect(await response.json()).toMatchObject({ id: '7' });
    expect(response.headers.get('deprecation')).toBe('true');
    expect(response.headers.get('sunset')).toBe('Sun, 10 May 2026 00:00:00 GMT');
    expect(response.headers.get('link')).toBe('</v1/docs>; rel="successor-version"');
  });

  it('answers lists as arrays and errors as details', async () => {
    expect(await (await server.get('/boxes')).json()).toHaveLength(5);
    expect(await (await server.get('/boxes/1/fail/conflict')).json()).toEqual({
      detail: { code: 'BOX_FULL', message: 'The box is full.', holds: 3 },
    });
    expect(await (await server.send('POST', '/boxes', {})).json()).toEqual({
      detail: [{ type: 'missing', loc: ['body', 'label'], msg: 'is required' }],
    });
    expect(await (await server.get('/boxes/1/fail/unknown')).json()).toEqual({ detail: 'Internal Server Error' });
  });

  it('announces its end also when there is nothing there', async () => {
    const response = await server.get('/nothing');
    expect([response.status, response.headers.get('deprecation')]).toEqual([404, 'true']);
    const root = await server.get('/');
    expect([root.status, root.headers.get('deprecation')]).toEqual([404, null]);
  });

  it('does not exist for endpoints that are v1 only', async () => {
    expect((await server.get('/v1/boxes/hidden/thing')).status).toBe(200);
    expect((await server.get('/boxes/hidden/thing')).status).toBe(404);
  });

  it('is gone with its successor when legacy routes are switched off', async () => {
    const gone = await start({}, { LEGACY_ROUTES: 'gone' });
    const response = await gone.get('/boxes/7');
    expect(response.status).toBe(410);
    expect(response.headers.get('link')).toBe('</v1/boxes/7>; rel="successor-version"');
    expect((await gone.get('/v1/boxes/7')).status).toBe(200);
    await gone.close();
  });
});

describe('a list', () => {
  it('has its next cursor in the meta and in a Link header', async () => {
    const first = await server.get('/v1/boxes?limit=2');
    const { data, meta } = (await first.json()) as { data: { id: string }[]; meta: { page: { next_cursor: string } } };
    expect(data.map((row) => row.id)).toEqual(['0', '1']);
    expect(meta.page).toMatchObject({ has_more: true });
    const next = /<(.*)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    const second = (await (await server.get(next)).json()) as { data: { id: string }[] };
    expect(second.data.map((row) => row.id)).toEqual(['2', '3']);
  });

  it('refuses a cursor of other filters, and one that is damaged', async () => {
    const first = (await (await server.get('/v1/boxes?limit=2')).json()) as { meta: { page: { next_cursor: string } } };
    const foreign = await server.get(`/v1/boxes?empty=true&cursor=${first.meta.page.next_cursor}`);
    expect([foreign.status, await codeOf(foreign)]).toEqual([400, 'INVALID_CURSOR']);
    expect((await server.get('/v1/boxes?cursor=garbage')).status).toBe(400);
    const [list] = JSON.parse(Buffer.from(first.meta.page.next_cursor, 'base64url').toString()) as [string];
    const forged = Buffer.from(JSON.stringify([list, '7\0'])).toString('base64url');
    expect((await server.get(`/v1/boxes?cursor=${forged}`)).status).toBe(400);
  });

  it('ends with a null cursor', async () => {
    const { meta } = (await (await server.get('/v1/boxes')).json()) as { meta: { page: object } };
    expect(meta.page).toEqual({ next_cursor: null, has_more: false });
  });
});
