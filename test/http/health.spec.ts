import { Health } from '#api/health/health.js';

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
    expect(text).toContain(
      'http_server_request_duration_seconds_count{method="GET",route="/v1/boxes/:id",status="200"} 2',
    );
    expect(text).toContain('sse_open_streams 0');
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
