import { CatalogueError } from '#domain/kernel/errors.js';
import { parseFilter, type MetadataFilter } from '#domain/kernel/filter/metadata-filter.js';
import { retrievalSettings } from '#domain/kernel/retrieval/retrieval-settings.js';
import { DiscoverySearch } from '#infra/adapters/retrieval/discovery-search.js';
import {
  googleRefusal,
  openGoogleAccount,
  openWireDiscoveryEngine,
  type GoogleAccount,
  type WireDiscoveryEngine,
} from '#test/support/wire-discovery-engine.js';
import type { Manner } from '#test/support/wire-server.js';
import { deadlineAgainst, openTestOutbound, type TestOutbound } from './outbound.js';

const settings = retrievalSettings({
  retrieval: { provider: 'gcp_vertex', project: 'p1', location: 'us-central1', resource_id: 'store1' },
});

const servingConfig = 'projects/p1/locations/us-central1/dataStores/store1/servingConfigs/default_search';

describe('retrieval from Vertex AI Search', () => {
  let engine: WireDiscoveryEngine;
  let account: GoogleAccount;
  let out: TestOutbound;
  let search: DiscoverySearch;

  beforeAll(async () => {
    account = await openGoogleAccount();
  });
  afterAll(() => account.close());
  const open = (timeoutMs?: number, failures?: number): void => {
    out = openTestOutbound(timeoutMs, failures);
    search = new DiscoverySearch(out.outbound, { endpoint: engine.wire.url });
  };
  const openAgainst = async (manner: Manner, failures?: number): Promise<void> => {
    await search.close();
    open(deadlineAgainst(manner), failures);
  };

  beforeEach(async () => {
    engine = await openWireDiscoveryEngine();
    open();
  });
  afterEach(async () => {
    await search.close();
    await engine.wire.close();
  });

  const ask = (more: object = {}) =>
    search.search({ tenantId: 't', corpusId: 'c', query: 'kettles', k: 3, ...more }, settings);
  const codeOf = async (more: object = {}): Promise<string> => {
    try {
      await ask(more);
      return 'no error';
    } catch (error) {
      if (error instanceof CatalogueError) return error.row.code;
      throw error;
    }
  };
  const filtered = (input: object) => ({ filter: parseFilter(input) as MetadataFilter });
  const filterAsked = (): unknown => (engine.asked[0]?.json as { readonly filter?: unknown }).filter;

  it('asks for k documents of the data store and gives them as ours', async () => {
    engine.results = [
      {
        id: 'r1',
        document: {
          id: 'd1',
          structData: {
            text: 'Kettles boil.',
            uri: 'gs://bucket/kettles',
            tags: ['tea'],
            facts: { year: 2024, new: true },
          },
        },
        modelScores: { relevance_score: { values: [0.75] } },
      },
      { id: 'r2', document: { id: 'd2', structData: { snippet: 'Pots simmer.', link: 'https://pots.example' } } },
      {
        document: {
          id: 'd3',
          derivedStructData: {
            link: 'https://pans.example',
            snippets: [{ snippet: 'Pans fry.', snippet_status: 'SUCCESS' }],
          },
        },
        rankSignals: { relevanceScore: 7 },
      },
      {
        document: {
          id: 'd4',
          derivedStructData: { snippets: [{ snippet: 'None.', snippet_status: 'NO_SNIPPET_AVAILABLE' }] },
        },
      },
    ];
    const { passages } = await ask();
    expect(passages).toMatchObject([
      {
        ...{ text: 'Kettles boil.', source: 'gs://bucket/kettles', documentId: 'd1', score: 0.75 },
        metadata: { tags: ['tea'], facts: { year: 2024, new: true } },
      },
      { text: 'Pots simmer.', source: 'https://pots.example', score: 0 },
      { text: 'Pans fry.', source: 'https://pans.example', documentId: 'd3', score: 1 },
    ]);
    expect(engine.asked).toHaveLength(1);
    expect(engine.asked[0]).toMatchObject({
      path: `/v1/${servingConfig}:search`,
      json: { query: 'kettles', pageSize: 3 },
      headers: {
        authorization: expect.stringMatching(/^Bearer eyJ/),
        'x-goog-request-params': `serving_config=${encodeURIComponent(servingConfig)}`,
      },
    });
  });

  it.each([
    [{ eq: ['metadata.team', 'kit"ch\\en'] }, String.raw`(team: ANY("kit\"ch\\en"))`],
    [{ ne: ['metadata.year', 2020] }, 'NOT (year = 2020)'],
    [{ in: ['metadata.a.b', ['x', 1.5, true]] }, '(a.b: ANY("x", "true") OR a.b = 1.5)'],
    [{ not: { gt: ['metadata.size', 1e21] } }, 'NOT (size > 1000000000000000000000)'],
    [
      {
        or: [
          { gte: ['created_at', '2026-01-31'] },
          { and: [{ nin: ['labels.team', ['a']] }, { eq: ['filename', 'f'] }] },
        ],
      },
      '((created_at >= "2026-01-31T00:00:00.000Z") OR (NOT (labels.team: ANY("a")) AND (filename: ANY("f"))))',
    ],
  ])('gives the filter %j as an expression', async (filter, expression) => {
    await ask(filtered(filter));
    expect(filterAsked()).toBe(expression);
  });

  it.each([[{ exists: 'metadata.team' }], [{ gt: ['metadata.team', 'k'] }], [{ eq: ['metadata.a) OR (b', 1] }]])(
    'refuses a filter that the expression cannot say, before it asks: %j',
    async (filter) => {
      expect(await codeOf(filtered(filter))).toBe('FILTER_NOT_SUPPORTED');
      expect(engine.asked).toHaveLength(0);
    },
  );

  it('refuses a corpus without its data store', async () => {
    const bare = retrievalSettings({ retrieval: { provider: 'gcp_vertex', project: 'p', location: 'us' } });
    const asked = search.search({ tenantId: 't', corpusId: 'c', query: 'q', k: 1 }, bare);
    await expect(asked).rejects.toMatchObject({ row: { code: 'VERTEX_RETRIEVAL_CONFIG_MISSING' } });
  });

  it.each(['missing', 'damaged'] as const)('tells of credentials that are %s, and does not call', async (which) => {
    await account.use(which);
    expect(await codeOf()).toBe('VERTEX_RETRIEVAL_AUTH_ERROR');
    await account.use('good');
    expect(engine.asked).toHaveLength(0);
    expect(await out.state('t', 'retrieval.gcp_vertex')).toBe('closed');
  });

  const broken: readonly (readonly [string, Manner, string, number, 'closed' | 'open'])[] = [
    ['401', googleRefusal(401, 'UNAUTHENTICATED'), 'VERTEX_RETRIEVAL_AUTH_ERROR', 1, 'closed'],
    ['403', googleRefusal(403, 'PERMISSION_DENIED'), 'VERTEX_RETRIEVAL_AUTH_ERROR', 1, 'closed'],
    ['404', googleRefusal(404, 'NOT_FOUND'), 'VERTEX_RETRIEVAL_ERROR', 1, 'closed'],
    ['400', googleRefusal(400, 'INVALID_ARGUMENT'), 'VERTEX_RETRIEVAL_ERROR', 1, 'closed'],
    ['429', googleRefusal(429, 'RESOURCE_EXHAUSTED'), 'VERTEX_RETRIEVAL_ERROR', 1, 'closed'],
    ['500', googleRefusal(500, 'INTERNAL'), 'VERTEX_RETRIEVAL_ERROR', 2, 'open'],
    ['503', googleRefusal(503, 'UNAVAILABLE'), 'VERTEX_RETRIEVAL_ERROR', 2, 'open'],
    [
      '429 with Retry-After',
      googleRefusal(429, 'RESOURCE_EXHAUSTED', { 'retry-after': '0' }),
      'VERTEX_RETRIEVAL_ERROR',
      2,
      'closed',
    ],
    ['a connection that drops', 'drop', 'VERTEX_RETRIEVAL_ERROR', 2, 'open'],
    ['an answer that breaks off', 'drop-mid-stream', 'VERTEX_RETRIEVAL_ERROR', 2, 'open'],
    ['no HTTP at all', 'garbage', 'VERTEX_RETRIEVAL_ERROR', 2, 'open'],
    ['a body that is no answer', 'garbage-body', 'VERTEX_RETRIEVAL_ERROR', 2, 'open'],
    ['headers that never come', 'slow-headers', 'VERTEX_RETRIEVAL_ERROR', 2, 'open'],
    ['a body that never ends', 'slow-tokens', 'VERTEX_RETRIEVAL_ERROR', 2, 'open'],
  ];

  it.each(broken)(
    'answers %s with its code, after as many attempts as make sense, and is left alone when it is ill',
    async (_, manner, code, attempts, left) => {
      await openAgainst(manner, 2);
      engine.wire.manners.push(manner, manner);
      expect(await codeOf()).toBe(code);
      expect(2 - engine.wire.manners.length).toBe(attempts);
      if (attempts === 1) expect(await codeOf()).toBe(code);
      expect(await out.state('t', 'retrieval.gcp_vertex')).toBe(left);
      const { length: asked } = engine.asked;
      expect(await codeOf()).toBe(left === 'open' ? 'INTEGRATION_UNAVAILABLE' : 'no error');
      expect(engine.asked.length - asked).toBe(left === 'open' ? 0 : 1);
      expect(await codeOf({ tenantId: 'other' })).toBe('no error');
    },
  );

  it.each(broken.filter(([, , , attempts]) => attempts === 2))(
    'answers after %s when the next attempt succeeds',
    async (_, manner) => {
      engine.results = [{ document: { id: 'd', structData: { text: 'At last.' } } }];
      await openAgainst(manner);
      engine.wire.manners.push(manner);
      expect((await ask()).passages).toMatchObject([{ text: 'At last.' }]);
    },
  );

  it('is not called again for a while after it fell ill, and only by the tenant for whom it did', async () => {
    engine.wire.manners.push(...Array.from({ length: 5 }, () => googleRefusal(500, 'INTERNAL')));
    const codes = [await codeOf(), await codeOf(), await codeOf(), await codeOf()];
    const open = 'INTEGRATION_UNAVAILABLE';
    expect(codes).toEqual(['VERTEX_RETRIEVAL_ERROR', 'VERTEX_RETRIEVAL_ERROR', open, open]);
    expect((await ask({ tenantId: 'other' })).passages).toEqual([]);
  });

  it('is never taken for ill because of what a tenant may not do', async () => {
    engine.wire.manners.push(...Array.from({ length: 12 }, () => googleRefusal(403, 'PERMISSION_DENIED')));
    for (let at = 0; at < 12; at += 1) expect(await codeOf()).toBe('VERTEX_RETRIEVAL_AUTH_ERROR');
    expect(await codeOf()).toBe('no error');
  });

  it.each(['slow-headers', 'slow-tokens'] as const)('leaves no socket open after %s', async (manner) => {
    await openAgainst(manner);
    engine.wire.manners.push(manner, manner);
    expect(await codeOf()).toBe('VERTEX_RETRIEVAL_ERROR');
    expect(engine.asked).toHaveLength(2);
    await out.until(() => engine.wire.openSockets === 0);
  });

  it.each(['slow-headers', 'slow-tokens'] as const)(
    'stops when its caller leaves in the middle of %s, and leaves no socket open',
    async (manner) => {
      const abort = new AbortController();
      engine.wire.manners.push(manner);
      const asked = ask({ signal: abort.signal });
      asked.catch(() => undefined);
      await out.until(() => engine.asked.length === 1);
      abort.abort(new Error('left'));
      await expect(asked).rejects.toThrow('left');
      await out.until(() => engine.wire.openSockets === 0);
    },
  );
});
