import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { traceHeaders, withLogScope } from '#infra/telemetry/log-scope.js';
import { createLogger } from '#infra/telemetry/logger.js';
import { createTracing } from '#infra/telemetry/tracing.js';

import { start } from './fixture.js';

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes: { key: string; value: object }[];
  status: object;
}

let collector: Server;
let endpoint: string;
const received: Span[] = [];

beforeAll(async () => {
  collector = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const body = JSON.parse(text) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
      received.push(...(body.resourceSpans[0]?.scopeSpans[0]?.spans ?? []));
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
});
afterAll(() => collector.close());

const logger = createLogger({ level: 'silent' });

describe('tracing', () => {
  it('continues the caller’s trace, names the route and hands its own span on', async () => {
    const tracing = createTracing({ endpoint, serviceName: 'test', logger });
    const server = await start(tracing === undefined ? {} : { tracing });
    const traceId = 'a'.repeat(32);
    const response = await server.get('/v1/boxes/7', { traceparent: `00-${traceId}-${'b'.repeat(16)}-01` });
    const { data } = (await response.json()) as { data: { seen: { trace: string } } };
    await server.get('/v1/boxes/7/fail/unknown');
    await server.close();
    await tracing?.close();
    const [span, failed] = received;
    expect(span).toMatchObject({
      traceId,
      parentSpanId: 'b'.repeat(16),
      name: 'GET /v1/boxes/:id',
      kind: 2,
      status: {},
    });
    expect(span?.attributes).toContainEqual({ key: 'http.response.status_code', value: { intValue: '200' } });
    expect(data.seen.trace).toBe(`00-${traceId}-${span?.spanId ?? ''}-01`);
    expect(failed).toMatchObject({ name: 'GET /v1/boxes/:id/fail/:how', status: { code: 2 } });
  });

  it('is answered and in the log lines without a collector too, when the caller brings one', async () => {
    const server = await start();
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    expect((await server.get('/v1/boxes/7', { traceparent })).headers.get('traceparent')).toBe(traceparent);
    expect((await server.get('/v1/boxes?limit=0', { traceparent })).headers.get('traceparent')).toBe(traceparent);
    const lines = server.lines.filter((line) => line.includes(`"trace_id":"${'a'.repeat(32)}"`));
    expect(lines.length).toBeGreaterThanOrEqual(1);
    for (const wrong of [
      'hunter2',
      `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`,
      `00-${'A'.repeat(32)}-${'b'.repeat(16)}-01`,
    ])
      expect((await server.get('/v1/boxes/7', { traceparent: wrong })).headers.get('traceparent')).toBeNull();
    await server.close();
  });

  it('goes on to what a request or a job calls', () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    expect(withLogScope({ request_id: 'r', traceparent }, traceHeaders)).toEqual({ traceparent });
    expect(withLogScope({ job_id: 'j' }, traceHeaders)).toEqual({});
    expect(traceHeaders()).toEqual({});
  });

  it('does not exist without a collector', () => {
    expect(createTracing({ endpoint: undefined, serviceName: 'test', logger })).toBeUndefined();
  });

  it('outlives a collector that is not there', async () => {
    const tracing = createTracing({ endpoint: 'http://127.0.0.1:9', serviceName: 'test', logger });
    tracing?.start('work').end();
    await expect(tracing?.close()).resolves.toBeUndefined();
  });
});
