import { Health } from '#api/health/health.js';
import type { Admitted } from '#api/http/gates.js';

import { start } from './fixture.js';

describe('health', () => {
  it('answers without a credential: enveloped, bare, and alive', async () => {
    const server = await start();
    const none = { authorization: '' };
    expect(await (await server.get('/v1/health', none)).json()).toMatchObject({
      data: { status: 'ok' },
      meta: { api_version: 'v1' },
    });
    expect(await (await server.get('/v1/healthz', none)).json()).toEqual({ status: 'ok' });
    expect((await server.get('/v1/health/live', none)).status).toBe(200);
    expect(await (await server.get('/healthz', none)).json()).toEqual({ status: 'ok' });
    await server.close();
  });

  it('is ready when every store answers, and says which does not', async () => {
    let databaseAnswers = true;
    const server = await start({
      readiness: [
        { name: 'database', check: () => Promise.resolve(databaseAnswers) },
        { name: 'log', check: () => (databaseAnswers ? Promise.resolve(true) : Promise.reject(new Error('gone'))) },
      ],
    });
    expect(await (await server.get('/v1/health/ready')).json()).toMatchObject({
      data: { status: 'ready', checks: { database: 'ok', log: 'ok' } },
    });
    databaseAnswers = false;
    const response = await server.get('/v1/health/ready');
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      error: { details: { status: 'unready', checks: { database: 'failed', log: 'failed' } } },
    });
    await server.close();
  });

  it('stays ready without what requests can go on without, and says so', async () => {
    const check = () => Promise.resolve(false);
    const server = await start({ readiness: [{ name: 'shared_state', optional: true, check }] });
    const response = await server.get('/v1/health/ready');
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ data: { status: 'ready', checks: { shared_state: 'degraded' } } });
    await server.close();
  });

  it('is not ready while it drains', async () => {
    const server = await start();
    server.app.get(Health, { strict: false }).startDraining();
    expect((await server.get('/v1/health/ready')).status).toBe(503);
    await server.close();
  });
});

describe('metrics', () => {
  it('count requests by route and are read from this machine', async () => {
    const server = await start();
    await server.get('/v1/boxes/1');
    await server.get('/v1/boxes/2');
    const text = await (await server.get('/v1/metrics')).text();
    expect(text).toContain('http_requests_total{method="GET",route="/v1/boxes/:id",status="200"} 2\n');
    expect(text).toContain('http_request_duration_seconds_count{method="GET",route="/v1/boxes/:id"} 2\n');
    expect(text).toContain('sse_open_streams 0');
    await server.close();
  });

  it('are cumulative: each bucket holds the ones below it, the last one all, and nothing falls', async () => {
    const server = await start();
    const read = async (): Promise<{ total: number; buckets: number[]; count: number }> => {
      const text = await (await server.get('/v1/metrics')).text();
      const labels = 'method="GET",route="/v1/boxes/:id"';
      const value = (line: string | undefined): number => Number(line?.split(' ').at(-1));
      const lines = text.split('\n');
      return {
        total: value(lines.find((line) => line.startsWith(`http_requests_total{${labels},status="200"}`))),
        buckets: lines
          .filter((line) => line.startsWith('http_request_duration_seconds_bucket{') && line.includes(labels))
          .map(value),
        count: value(lines.find((line) => line.startsWith(`http_request_duration_seconds_count{${labels}}`))),
      };
    };
    let before = 0;
    for (const calls of [3, 4, 0]) {
      for (let at = 0; at < calls; at += 1) await server.get('/v1/boxes/1');
      const { total, buckets, count } = await read();
      expect([total, count, buckets.at(-1)]).toEqual([before + calls, before + calls, before + calls]);
      expect(buckets).toEqual(buckets.toSorted((left, right) => left - right));
      before = total;
    }
    await server.close();
  });

  it('have labels that clients cannot multiply', async () => {
    const server = await start();
    for (let at = 0; at < 20; at += 1) {
      await server.get(`/v1/nothing-${at}`);
      await server.get(`/v1/boxes/${at}?x=${at}`);
      await server.get(`/boxes/${at}`);
    }
    await fetch(`${server.url}/v1/boxes`, { method: 'PROPFIND' });
    const text = await (await server.get('/v1/metrics')).text();
    const series = text.split('\n').filter((line) => line.startsWith('http_requests_total{'));
    expect(series.sort()).toEqual([
      'http_requests_total{method="GET",route="/v1/boxes/:id",status="200"} 40',
      'http_requests_total{method="GET",route="unmatched",status="404"} 20',
      'http_requests_total{method="other",route="unmatched",status="405"} 1',
    ]);
    expect(text).toContain('http_errors_total{type="not_found",code="NOT_FOUND"} 20');
    await server.close();
  });

  it('count whom a rate limit or a quota kept out, by what kept them out', async () => {
    const admitted: Admitted = {
      rateHeaders: {},
      quotaHeaders: {},
      degraded: false,
      served: () => undefined,
      giveBack: () => undefined,
    };
    const quotaDenied = { period: 'day', metric: 'requests', used: 3, limit: 3 } as const;
    const rateDenied = { scope: 'tenant', retryAfterMs: 5 } as const;
    const verdicts: Admitted[] = [
      { ...admitted, rateDenied },
      { ...admitted, quotaDenied },
      { ...admitted, rateDenied },
    ];
    const server = await start({ admission: { admit: () => verdicts.shift() ?? admitted } });
    const statuses: number[] = [];
    for (let at = 0; at < 4; at += 1) statuses.push((await server.get('/v1/boxes/1')).status);
    expect(statuses).toEqual([429, 402, 429, 200]);
    const text = await (await server.get('/v1/metrics')).text();
    expect(text).toContain('rate_limited_total{scope="tenant",route_class="read"} 2\n');
    expect(text).toContain('quota_blocked_total{period="day",metric="requests"} 1\n');
    expect(text).toContain('http_errors_total{type="rate_limited",code="RATE_LIMITED"} 2\n');
    await server.close();
  });

  it('say which store answers', async () => {
    const component = (name: string, check: () => Promise<boolean>) => ({ name, component: name, check });
    const readiness = [
      component('postgres', () => Promise.resolve(true)),
      component('redis', () => Promise.reject(new Error('gone'))),
      { name: 'shared_state', check: () => Promise.resolve(true) },
    ];
    const server = await start({ readiness });
    const text = await (await server.get('/v1/metrics')).text();
    const lines = text.split('\n').filter((line) => line.startsWith('dependency_up{'));
    expect(lines).toEqual(['dependency_up{component="postgres"} 1', 'dependency_up{component="redis"} 0']);
    await server.close();
  });

  it('are closed to who comes through a proxy without a token', async () => {
    const server = await start();
    expect((await server.get('/v1/metrics', { 'x-forwarded-for': '10.0.0.1' })).status).toBe(403);
    await server.close();
  });

  it('ask for the token when there is one', async () => {
    const server = await start({}, { METRICS_TOKEN: 'a-token-of-some-length' });
    expect((await server.get('/v1/metrics')).status).toBe(401);
    expect((await server.get('/v1/metrics', { authorization: 'Bearer a-token-of-some-length' })).status).toBe(200);
    await server.close();
  });
});

describe('the documentation', () => {
  interface Document {
    openapi: string;
    paths: Record<string, Record<string, { security?: unknown; responses: Record<string, { description: string }> }>>;
    components: { schemas: Record<string, { properties: Record<string, unknown>; required?: string[] }> };
  }

  it('is OpenAPI 3.1 with every refusal and the rules of every field', async () => {
    const server = await start();
    const document = (await (await server.get('/v1/openapi.json', { authorization: '' })).json()) as Document;
    expect(document.openapi).toBe('3.1.0');
    const make = document.paths['/v1/boxes']?.['post'];
    const edge = ['400', '401', '402', '403', '408', '409', '413', '414', '415', '422', '429', '431', '503'];
    expect(Object.keys(make?.responses ?? {}).sort()).toEqual(['201', ...edge]);
    expect(document.paths['/v1/boxes/{id}/fail/{how}']?.['get']?.responses['409']?.description).toContain('BOX_FULL');
    expect(make?.security).toEqual([{ BearerAuth: [] }]);
    expect(document.paths['/v1/health']?.['get']?.security).toBeUndefined();
    expect(document.components.schemas['NewBox']?.properties['label']).toMatchObject({
      type: 'string',
      minLength: 1,
      maxLength: 20,
      example: 'apples',
    });
    expect(document.components.schemas['NewBox']?.required).toEqual(['label']);
    expect(document.components.schemas['BoxPatch']?.properties['note']).toMatchObject({ type: ['string', 'null'] });
    await server.close();
  });

  it('has a page that loads nothing from elsewhere, and the old addresses lead to it', async () => {
    const server = await start();
    const page = await (await server.get('/v1/docs', { authorization: '' })).text();
    expect(page).not.toMatch(/(?:src|href)="(?!\/v1\/)/);
    expect((await server.get('/v1/docs/assets/swagger-ui.css')).headers.get('content-type')).toContain('text/css');
    expect((await server.get('/v1/docs/assets/package.json')).status).toBe(404);
    for (const path of ['/docs', '/openapi.json']) {
      const moved = await server.get(path);
      expect([moved.status, moved.headers.get('location'), moved.headers.get('deprecation')]).toEqual([
        307,
        `/v1${path}`,
        null,
      ]);
    }
    await server.close();
  });
});
