import { CuttingProxy } from '#test/support/cutting-proxy.js';
import { aCorpus, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

interface Heard {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

interface Source {
  addEventListener(type: string, take: (event: Heard) => void): void;
  close(): void;
}

type Fetch = (url: string | URL, init: { readonly headers: Record<string, string> }) => Promise<object>;

// Its types refer to the sources of another package, which are not to be compiled here.
const packageName: string = 'eventsource';
const { EventSource } = (await import(packageName)) as {
  readonly EventSource: new (url: string, options: { readonly fetch: Fetch }) => Source;
};

/** A standard event source, which knows nothing of us, through a proxy that keeps cutting: it misses nothing, and sees nothing twice. */
describe('a stream of events through a proxy that cuts its connections', () => {
  let server: TestServer;
  let tenant: TestTenant;
  const proxies: CuttingProxy[] = [];
  beforeAll(async () => {
    server = await openTestServer({ RUN_SSE_HEARTBEAT_S: '1' });
    tenant = await server.tenant();
    await aCorpus(tenant);
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.close();
  });

  const through = async (bodyBytes?: number): Promise<CuttingProxy> => {
    const proxy = await CuttingProxy.open(server.url, bodyBytes);
    proxies.push(proxy);
    return proxy;
  };

  /** As a browser reads: with the id of the last whole frame at each reconnection, at once instead of after seconds. */
  const listen = (proxy: CuttingProxy, message: string) => {
    const heard: string[] = [];
    const resumedFrom: (string | null)[] = [];
    const body = JSON.stringify({ session_id: 's1', corpus_id: 'c1', message });
    const source = new EventSource(`${proxy.url}/v1/run`, {
      fetch: async (url, init) => {
        const headers = new Headers(init.headers);
        resumedFrom.push(headers.get('last-event-id'));
        headers.set('authorization', `Bearer ${tenant.reader.key ?? ''}`);
        headers.set('content-type', 'application/json');
        const response = await fetch(url, { ...init, headers, method: 'POST', body });
        return { ...seen(response), body: soon(response.body) };
      },
    });
    const done = new Promise<void>((resolve) => {
      const take = (event: Heard): void => {
        heard.push(`event: ${event.type}\nid: ${event.lastEventId}\ndata: ${event.data}\n\n`);
        if (!event.data.includes('"type":"done"')) return;
        source.close();
        resolve();
      };
      source.addEventListener('message', take);
      source.addEventListener('heartbeat', take);
    });
    return { heard, resumedFrom, done };
  };
  const recordedOf = async (frame: string | undefined) => {
    const streamId = /^id: ([0-9a-f-]{36}):/m.exec(frame ?? '')?.[1] ?? '';
    const frames = await server.platform.streams.read({ tenantId: tenant.tenantId, streamId }, 0);
    return frames.map(({ text }) => text).join('');
  };

  it('is heard whole, byte for byte as it was recorded, however often it is cut in the middle of a frame', async () => {
    const proxy = await through(900);
    const { heard, resumedFrom, done } = listen(proxy, 'slow 40 2');
    await done;
    expect(proxy.cuts).toBeGreaterThan(5);
    expect(resumedFrom.length).toBeGreaterThan(5);
    expect(resumedFrom[0]).toBeNull();
    expect(heard.join('')).toBe(await recordedOf(heard[0]));
    expect(new Set(heard).size).toBe(heard.length);
    expect(server.answerer.asked.filter(({ question }) => question === 'slow 40 2')).toHaveLength(1);
  });

  it('goes on after a cut in a long silence', async () => {
    const proxy = await through();
    const { heard, resumedFrom, done } = listen(proxy, 'gated please');
    await until('it has begun', () => Promise.resolve(heard.some((frame) => frame.includes('two '))));
    proxy.cut();
    await until('it is back', () => Promise.resolve(resumedFrom.length > 1));
    server.answerer.open();
    await done;
    expect(heard.join('')).toBe(await recordedOf(heard[0]));
    expect(resumedFrom[1]).toMatch(/^[0-9a-f-]{36}:\d+$/);
  });
});

function seen({ url, status, redirected, headers }: Response) {
  return { url, status, redirected, headers };
}

/** The same body after a word that shortens the pause before a reconnection. */
function soon(body: Response['body']): ReadableStream<Uint8Array> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('retry: 1\n\n')),
  });
  // A connection that breaks ends what is read; the reader hears of it there.
  (body as ReadableStream<Uint8Array>).pipeTo(writable).catch(() => undefined);
  return readable;
}
