import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

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

  it('does not exist without a collector', () => {
    expect(createTracing({ endpoint: undefined, serviceName: 'test', logger })).toBeUndefined();
  });

  it('outlives a collector that is not there', async () => {
    const tracing = createTracing({ endpoint: 'http://127.0.0.1:9', serviceName: 'test', logger });
    tracing?.start('work').end();
    await expect(tracing?.close()).resolves.toBeUndefined();
  });
});
