import { RawConnection, type RawAnswer } from '#test/surface/raw-http.js';
import { start, type Started } from './fixture.js';

let server: Started;
const connection = (): RawConnection => new RawConnection(Number(new URL(server.url).port));
beforeAll(async () => {
  server = await start();
});
afterAll(() => server.close());

const KEY = 'authorization: Bearer admin\r\n';
const get = (target = '/v1/boxes', more = ''): string => `GET ${target} HTTP/1.1\r\nhost: a\r\n${KEY}${more}\r\n`;
const post = (body: string, more: string): string =>
  `POST /v1/boxes HTTP/1.1\r\nhost: a\r\n${KEY}content-type: application/json\r\n${more}\r\n${body}`;
const BOX = '{"label":"a"}';

const codeIn = ({ text }: RawAnswer): unknown => (JSON.parse(text) as { error?: { code?: unknown } }).error?.code;

/** What every answer has, however broken its request was. */
function expectTraceable(answers: readonly RawAnswer[]): void {
  for (const { headers, status } of answers) {
    expect(headers.get('x-request-id')).toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
    expect(status).toBeLessThan(500);
  }
}

describe('a raw socket', () => {
  it('gets the answers to pipelined requests whole and in their order', async () => {
    const ids = Array.from({ length: 20 }, (_, at) => `pipelined-${at}`);
    const [last, ...others] = [...ids].reverse().map((id) => `x-request-id: ${id}\r\n`);
    const bytes = others.reverse().map((header) => get('/v1/boxes', header));
    const answers = await connection().all(bytes.join('') + get('/v1/boxes', `${last ?? ''}connection: close\r\n`));
    expect(answers.map(({ headers }) => headers.get('x-request-id'))).toEqual(ids);
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  });

  it.each([
    ['two different lengths', post(BOX, 'content-length: 13\r\ncontent-length: 4\r\n')],
    ['a length and chunks', post(`d\r\n${BOX}\r\n0\r\n\r\n`, 'content-length: 13\r\ntransfer-encoding: chunked\r\n')],
    ['a negative length', post(BOX, 'content-length: -13\r\n')],
    ['a length that is no number', post(BOX, 'content-length: 13a\r\n')],
    ['chunks that are not the last encoding', post(BOX, 'transfer-encoding: chunked, identity\r\n')],
    ['a chunk without a size', post('zz\r\nabc\r\n0\r\n\r\n', 'transfer-encoding: chunked\r\n')],
    ['a space before the colon', get('/v1/boxes', 'x-odd : 1\r\n')],
    ['a line that continues another', get('/v1/boxes', 'x-odd: 1\r\n two\r\n')],
    ['a bare line feed in a header', get('/v1/boxes', 'x-odd: 1\n2: 3\r\n')],
    ['U+0000 in a header', get('/v1/boxes', 'x-odd: a\0b\r\n')],
    ['no version', 'GET /v1/boxes\r\n\r\n'],
    ['a version that is none', `GET /v1/boxes HTTP/9.9\r\nhost: a\r\n${KEY}\r\n`],
    ['TLS', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
    ['no HTTP at all', 'hello, are you there?\r\n\r\n'],
  ])('is answered 400 and closed for %s, and no second request is read out of it', async (_, bytes) => {
    const answers = await connection().all(bytes + get('/v1/boxes', 'x-request-id: smuggled\r\n'));
    expectTraceable(answers);
    expect(answers.map((answer) => [answer.status, codeIn(answer)])).toEqual([[400, 'BAD_REQUEST']]);
    expect(answers.map(({ headers }) => headers.get('x-request-id'))).not.toContain('smuggled');
  });

  it('is answered 400 without a Host, and as HTTP/1.0 asks otherwise', async () => {
    const [none] = await connection().all(`GET /v1/boxes HTTP/1.1\r\n${KEY}\r\n`);
    expect(none?.status).toBe(400);
    const old = await connection().all(`GET /v1/boxes HTTP/1.0\r\n${KEY}\r\n`);
    expectTraceable(old);
    expect(old.map(({ status }) => status)).toEqual([200]);
  });

  it.each(['http://evil.example/v1/boxes', 'HTTP://EVIL.EXAMPLE/v1/boxes', '//evil.example/v1/boxes', '*', 'v1/boxes'])(
    'is not led elsewhere by the target %s',
    async (target) => {
      const answers = await connection().all(get(target, 'connection: close\r\n'));
      expectTraceable(answers);
      expect(answers).toHaveLength(1);
      expect([400, 404]).toContain(answers[0]?.status);
      expect(answers[0]?.headers.has('location')).toBe(false);
    },
  );

  it.each([
    ['a head of 100 KB', get('/v1/boxes', `x-long: ${'l'.repeat(100_000)}\r\n`), 431],
    ['3,000 headers', get('/v1/boxes', Array.from({ length: 3_000 }, (_, at) => `x-${at}: v\r\n`).join('')), 431],
    ['an address of 10 KB', get(`/v1/boxes?q=${'a'.repeat(10_000)}`), 414],
    ['a body that says it is long', post(BOX, 'content-length: 30000000\r\n'), 413],
  ])('is answered for %s before all of it is there', async (_, bytes, status) => {
    const answer = await connection().exchange(bytes);
    expect(answer?.status).toBe(status);
    expectTraceable(answer === undefined ? [] : [answer]);
  });

  it.each([
    ['where nothing is', '/v1/nothing', 404],
    ['for another method', '/v1/boxes/1', 405],
  ])('is answered %s whatever body it brings, before that is read', async (_, target, status) => {
    for (const more of ['content-type: text/odd\r\ncontent-length: 5\r\n', 'content-length: 30000000\r\n']) {
      const bytes = `PUT ${target} HTTP/1.1\r\nhost: a\r\n${KEY}${more}\r\n`;
      expect((await connection().exchange(bytes))?.status).toBe(status);
    }
  });

  it('is led from an address whose last part is empty to the one without it, and finds nothing in the middle', async () => {
    const target = '/v1/boxes/?limit=1';
    const answer = await connection().exchange(get(target));
    expect([answer?.status, answer?.headers.get('location')]).toEqual([307, '/v1/boxes?limit=1']);
    expect((await connection().exchange(get('/v1/boxes//fail/full')))?.status).toBe(404);
  });

  it('is answered for the address without its fragment', async () => {
    const wrong = get('/v1/boxes/1#fragment').replace('GET', 'PUT');
    expect((await connection().exchange(get('/v1/boxes#fragment')))?.status).toBe(200);
    expect((await connection().exchange(wrong))?.status).toBe(405);
    expect((await connection().exchange(get('/v1/nothing#fragment')))?.status).toBe(404);
  });

  it('is not asked to go on for a body that would be refused', async () => {
    const bytes = post('', 'content-length: 30000000\r\nexpect: 100-continue\r\n');
    expect((await connection().exchange(bytes))?.status).toBe(413);
  });

  it('gets an answer of ours whatever it expects', async () => {
    const answer = await connection().exchange(get('/v1/boxes', 'expect: the-impossible\r\n'));
    expect(answer?.status).toBe(200);
    expectTraceable(answer === undefined ? [] : [answer]);
  });

  it('that breaks off in mid-request harms nobody', async () => {
    for (const part of ['G', 'GET /v1/bo', get().slice(0, -2), post(BOX, 'content-length: 400\r\n')]) {
      const half = connection();
      await half.all(part, { giveUpMs: 20 });
      half.close();
    }
    expect((await server.get('/v1/boxes')).status).toBe(200);
    expect(server.lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });
});

describe('a client that takes its time', () => {
  let hasty: Started;
  beforeAll(async () => {
    hasty = await start({}, { REQUEST_TIMEOUT_SECONDS: '1' });
  });
  afterAll(() => hasty.close());

  it.each([
    ['headers', get().slice(0, -2)],
    ['body', post('{"la', 'content-length: 13\r\n')],
  ])('over its %s is answered 408, with a request id, and closed', async (_, part) => {
    const slow = new RawConnection(Number(new URL(hasty.url).port));
    const [answer, ...more] = await slow.all(part);
    expect([answer?.status, more]).toEqual([408, []]);
    expect(answer?.text).toContain('REQUEST_TIMEOUT');
    expectTraceable(answer === undefined ? [] : [answer]);
  });
});
