import { Secret } from '#infra/config/secret.js';
import { Reranker, type RerankProblem } from '#infra/adapters/rerank/reranker.js';
import { openReranker } from '#infra/platform/retrieval.js';
import { openWireRerank, type WireRerank } from '#test/support/wire-rerank.js';
import type { Manner } from '#test/support/wire-server.js';
import { deadlineAgainst, openTestOutbound, type TestOutbound } from './outbound.js';
import { wayOut } from './provider-rig.js';

const texts = ['A kettle.', 'A kettle that boils milk.', 'A pot.'];
const best = [1, 0, 2];

describe('a reranker', () => {
  let service: WireRerank;
  let out: TestOutbound;
  let reranker: Reranker;

  const open = (timeoutMs?: number, failures?: number): void => {
    out = openTestOutbound(timeoutMs, failures);
    const apiKey = new Secret('a-key');
    reranker = new Reranker(out.outbound, { url: service.url, apiKey, style: 'cohere', allowedOrigins: [] });
  };
  beforeEach(async () => {
    service = await openWireRerank();
    open();
  });
  afterEach(() => service.wire.close());

  const ask = async (more: object = {}): Promise<RerankProblem | number[]> => {
    const judged = await reranker.rerank({ tenantId: 't', query: 'kettles', texts, ...more });
    return typeof judged === 'string' ? judged : judged.map(({ index }) => index);
  };

  it('gives the texts by how good they are, best first', async () => {
    expect(await ask()).toEqual(best);
    expect(service.asked[0]).toMatchObject({
      headers: { authorization: 'Bearer a-key' },
      json: { query: 'kettles', documents: texts, top_n: 3, return_documents: false },
    });
  });

  it('is asked as Text Embeddings Inference is, where it is one', async () => {
    const env = { RERANK_URL: service.url, RERANK_MODEL: 'judge-1', RERANK_STYLE: 'tei' };
    const { config, outbound } = wayOut(env);
    reranker = openReranker(config, outbound);
    expect(await ask()).toEqual(best);
    expect(service.asked[0]?.json).toEqual({ query: 'kettles', texts, truncate: true });
    service.wire.manners.push(500);
    expect(await ask()).toBe('rerank_error');
  });

  const told = (seconds: string): Manner => ({ status: 429, headers: { 'retry-after': seconds } });
  const broken: readonly (readonly [string, Manner, RerankProblem, number, 'closed' | 'open'])[] = [
    ['401', 401, 'rerank_error', 1, 'closed'],
    ['403', 403, 'rerank_error', 1, 'closed'],
    ['404', 404, 'rerank_error', 1, 'closed'],
    ['400', 400, 'rerank_error', 1, 'closed'],
    ['429', 429, 'rerank_error', 1, 'closed'],
    ['429 with Retry-After', told('0'), 'rerank_error', 2, 'closed'],
    ['429 with a Retry-After that is too long', told('60'), 'rerank_error', 1, 'closed'],
    ['500', 500, 'rerank_error', 2, 'open'],
    ['503', 503, 'rerank_error', 2, 'open'],
    ['a connection that drops', 'drop', 'rerank_error', 2, 'open'],
    ['an answer that breaks off', 'drop-mid-stream', 'rerank_error', 2, 'open'],
    ['no HTTP at all', 'garbage', 'rerank_error', 2, 'open'],
    ['a body that is no answer', 'garbage-body', 'rerank_error', 2, 'open'],
    ['headers that never come', 'slow-headers', 'rerank_timeout', 2, 'open'],
    ['a body that never ends', 'slow-tokens', 'rerank_timeout', 2, 'open'],
  ];

  it.each(broken)(
    'tells of %s, after as many attempts as make sense, and is left alone when it is ill',
    async (_, manner, problem, attempts, left) => {
      open(deadlineAgainst(manner), 2);
      service.wire.manners.push(manner, manner);
      expect(await ask()).toBe(problem);
      expect(2 - service.wire.manners.length).toBe(attempts);
      if (attempts === 1) expect(await ask()).toBe(problem);
      expect(await out.state('t', 'rerank')).toBe(left);
      const { length: asked } = service.asked;
      expect(await ask()).toEqual(left === 'open' ? 'rerank_unavailable' : best);
      expect(service.asked.length - asked).toBe(left === 'open' ? 0 : 1);
      expect(await ask({ tenantId: 'other' })).toEqual(best);
    },
  );

  it.each(broken.filter(([, , , attempts]) => attempts === 2))(
    'judges after %s when the next attempt succeeds',
    async (_, manner) => {
      open(deadlineAgainst(manner));
      service.wire.manners.push(manner);
      expect(await ask()).toEqual(best);
    },
  );

  it.each(['slow-headers', 'slow-tokens'] as const)(
    'stops when its caller leaves in the middle of %s, and leaves no socket open',
    async (manner) => {
      const abort = new AbortController();
      service.wire.manners.push(manner);
      const asked = ask({ signal: abort.signal });
      asked.catch(() => undefined);
      await out.until(() => service.asked.length === 1);
      abort.abort(new Error('left'));
      await expect(asked).rejects.toThrow('left');
      await out.until(() => service.wire.openSockets === 0);
    },
  );
});
