import { CatalogueError } from '#domain/kernel/errors.js';
import { parseFilter, type MetadataFilter } from '#domain/kernel/filter/metadata-filter.js';
import { retrievalSettings } from '#domain/kernel/retrieval/retrieval-settings.js';
import { BedrockSearch } from '#infra/adapters/retrieval/bedrock-search.js';
import { bedrockRefusal, openWireBedrock, type WireBedrock } from '#test/support/wire-bedrock.js';
import type { Manner } from '#test/support/wire-server.js';
import { deadlineAgainst, openTestOutbound, type TestOutbound } from './outbound.js';

const settings = retrievalSettings({
  retrieval: { provider: 'aws_bedrock_kb', knowledge_base_id: 'KB1', region: 'us-east-1' },
});

describe('retrieval from a Bedrock knowledge base', () => {
  let bedrock: WireBedrock;
  let out: TestOutbound;
  let search: BedrockSearch;
  const ambient = {
    ...{ AWS_ACCESS_KEY_ID: 'AKIATEST', AWS_SECRET_ACCESS_KEY: 'secret', AWS_EC2_METADATA_DISABLED: 'true' },
    ...{ AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' },
  };
  const before = { ...process.env };

  const open = (timeoutMs?: number, failures?: number): void => {
    out = openTestOutbound(timeoutMs, failures);
    search = new BedrockSearch(out.outbound, { endpoint: bedrock.wire.url });
  };
  const openAgainst = async (manner: Manner, failures?: number): Promise<void> => {
    await search.close();
    open(deadlineAgainst(manner), failures);
  };

  beforeEach(async () => {
    Object.assign(process.env, ambient);
    bedrock = await openWireBedrock();
    open();
  });
  afterEach(async () => {
    process.env = { ...before };
    await search.close();
    await bedrock.wire.close();
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

  it('asks for k passages of the knowledge base and gives them as ours', async () => {
    bedrock.results = [
      {
        content: { text: 'Kettles boil.' },
        location: { type: 'S3', s3Location: { uri: 's3://bucket/kettles.md' } },
        metadata: { 'x-amz-bedrock-kb-chunk-id': 'chunk-1', team: 'kitchen', year: 2024 },
        score: 0.75,
      },
      { content: { text: 'Pots simmer.' }, location: { type: 'WEB' }, score: 1.5 },
      { content: { text: 'Pans fry.' }, documentId: 'pans' },
    ];
    const { passages } = await ask();
    expect(passages).toMatchObject([
      {
        ...{ text: 'Kettles boil.', source: 's3://bucket/kettles.md', chunkId: 'chunk-1', score: 0.75, end: 13 },
        metadata: { team: 'kitchen', year: 2024 },
      },
      { text: 'Pots simmer.', source: 'WEB', score: 1 },
      { text: 'Pans fry.', source: 'pans', documentId: 'pans', score: 0 },
    ]);
    expect(bedrock.asked).toHaveLength(1);
    expect(bedrock.asked[0]).toMatchObject({
      path: '/knowledgebases/KB1/retrieve',
      json: {
        retrievalQuery: { text: 'kettles' },
        retrievalConfiguration: { vectorSearchConfiguration: { numberOfResults: 3 } },
      },
    });
    expect(bedrock.asked[0]?.headers['authorization']).toContain('Credential=AKIATEST/');
  });

  it('names the source by what there is, and leaves out what has no text', async () => {
    bedrock.results = [{ content: { text: 'Alone.' } }, { content: { text: ' ' } }, { content: { type: 'IMAGE' } }];
    const { passages } = await ask();
    expect(passages).toMatchObject([{ text: 'Alone.', source: 'bedrock_kb', score: 0 }]);
  });

  it.each([['NaN'], ['Infinity'], ['-Infinity']])('never gives the score %s', async (score) => {
    bedrock.results = [{ content: { text: 'Odd.' }, score }];
    expect((await ask()).passages[0]?.score).toBe(0);
  });

  it('gives a filter in the form of Bedrock', async () => {
    await ask(
      filtered({
        and: [
          { eq: ['metadata.team', 'kitchen'] },
          { not: { or: [{ gt: ['metadata.year', 2020] }, { in: ['labels.level', ['a', 'b']] }] } },
        ],
      }),
    );
    expect(bedrock.asked[0]?.json).toMatchObject({
      retrievalConfiguration: {
        vectorSearchConfiguration: {
          filter: {
            andAll: [
              { equals: { key: 'team', value: 'kitchen' } },
              { lessThanOrEquals: { key: 'year', value: 2020 } },
              { notIn: { key: 'labels.level', value: ['a', 'b'] } },
            ],
          },
        },
      },
    });
  });

  it.each([[{ exists: 'metadata.team' }], [{ gt: ['metadata.team', 'k'] }]])(
    'refuses a filter that Bedrock cannot apply, before it asks: %j',
    async (filter) => {
      expect(await codeOf(filtered(filter))).toBe('FILTER_NOT_SUPPORTED');
      expect(bedrock.asked).toHaveLength(0);
    },
  );

  it('refuses a corpus without its knowledge base', async () => {
    const bare = retrievalSettings({ retrieval: { provider: 'aws_bedrock_kb', region: 'us-east-1' } });
    const asked = search.search({ tenantId: 't', corpusId: 'c', query: 'q', k: 1 }, bare);
    await expect(asked).rejects.toMatchObject({ row: { code: 'AWS_CONFIG_MISSING' } });
  });

  it('tells of credentials that are not there, and does not call', async () => {
    delete process.env['AWS_ACCESS_KEY_ID'];
    delete process.env['AWS_SECRET_ACCESS_KEY'];
    expect(await codeOf()).toBe('AWS_AUTH_ERROR');
    expect(bedrock.asked).toHaveLength(0);
    expect(await out.state('t', 'retrieval.aws_bedrock')).toBe('closed');
  });

  const throttled = (seconds: string): Manner => bedrockRefusal(429, 'ThrottlingException', { 'retry-after': seconds });
  const broken: readonly (readonly [string, Manner, string, number, 'closed' | 'open'])[] = [
    ['401', bedrockRefusal(401, 'UnrecognizedClientException'), 'AWS_AUTH_ERROR', 1, 'closed'],
    ['403', bedrockRefusal(403, 'AccessDeniedException'), 'AWS_AUTH_ERROR', 1, 'closed'],
    ['404', bedrockRefusal(404, 'ResourceNotFoundException'), 'AWS_RETRIEVAL_ERROR', 1, 'closed'],
    ['400', bedrockRefusal(400, 'ValidationException'), 'AWS_RETRIEVAL_ERROR', 1, 'closed'],
    ['429', bedrockRefusal(429, 'ThrottlingException'), 'AWS_RETRIEVAL_ERROR', 1, 'closed'],
    ['429 with Retry-After', throttled('0'), 'AWS_RETRIEVAL_ERROR', 2, 'closed'],
    ['429 with a Retry-After that is too long', throttled('60'), 'AWS_RETRIEVAL_ERROR', 1, 'closed'],
    ['500', 500, 'AWS_RETRIEVAL_ERROR', 2, 'open'],
    ['503', 503, 'AWS_RETRIEVAL_ERROR', 2, 'open'],
    ['a connection that drops', 'drop', 'AWS_RETRIEVAL_ERROR', 2, 'open'],
    ['an answer that breaks off', 'drop-mid-stream', 'AWS_RETRIEVAL_ERROR', 2, 'open'],
    ['no HTTP at all', 'garbage', 'AWS_RETRIEVAL_ERROR', 2, 'open'],
    ['a body that is no answer', 'garbage-body', 'AWS_RETRIEVAL_ERROR', 2, 'open'],
    ['headers that never come', 'slow-headers', 'AWS_RETRIEVAL_ERROR', 2, 'open'],
    ['a body that never ends', 'slow-tokens', 'AWS_RETRIEVAL_ERROR', 2, 'open'],
  ];

  it.each(broken)(
    'answers %s with its code, after as many attempts as make sense, and is left alone when it is ill',
    async (_, manner, code, attempts, left) => {
      await openAgainst(manner, 2);
      bedrock.wire.manners.push(manner, manner);
      expect(await codeOf()).toBe(code);
      expect(2 - bedrock.wire.manners.length).toBe(attempts);
      if (attempts === 1) expect(await codeOf()).toBe(code);
      expect(await out.state('t', 'retrieval.aws_bedrock')).toBe(left);
      const { length: asked } = bedrock.asked;
      expect(await codeOf()).toBe(left === 'open' ? 'INTEGRATION_UNAVAILABLE' : 'no error');
      expect(bedrock.asked.length - asked).toBe(left === 'open' ? 0 : 1);
      expect(await codeOf({ tenantId: 'other' })).toBe('no error');
    },
  );

  it.each(broken.filter(([, , , attempts]) => attempts === 2))(
    'answers after %s when the next attempt succeeds',
    async (_, manner) => {
      bedrock.results = [{ content: { text: 'At last.' }, score: 0.5 }];
      await openAgainst(manner);
      bedrock.wire.manners.push(manner);
      expect((await ask()).passages).toMatchObject([{ text: 'At last.' }]);
    },
  );

  it('is called again no sooner than it asks for', async () => {
    bedrock.wire.manners.push(throttled('1'));
    const began = performance.now();
    expect(await codeOf()).toBe('no error');
    expect(performance.now() - began).toBeGreaterThanOrEqual(990);
    expect(bedrock.asked).toHaveLength(2);
  });

  it('is not called again for a while after it fell ill, and only by the tenant for whom it did', async () => {
    bedrock.wire.manners.push(...Array.from({ length: 5 }, () => 500));
    const codes = [await codeOf(), await codeOf(), await codeOf(), await codeOf()];
    const open = 'INTEGRATION_UNAVAILABLE';
    expect(codes).toEqual(['AWS_RETRIEVAL_ERROR', 'AWS_RETRIEVAL_ERROR', open, open]);
    expect(bedrock.asked).toHaveLength(5);
    expect((await ask({ tenantId: 'other' })).passages).toEqual([]);
  });

  it('is never taken for ill because of what a tenant may not do', async () => {
    bedrock.wire.manners.push(
      ...Array.from({ length: 12 }, () => bedrockRefusal(403, 'AccessDeniedException')),
      ...Array.from({ length: 12 }, () => bedrockRefusal(404, 'ResourceNotFoundException')),
    );
    for (let at = 0; at < 24; at += 1) expect(await codeOf()).toMatch(/^AWS_/);
    expect(await codeOf()).toBe('no error');
  });

  it.each(['slow-headers', 'slow-tokens'] as const)(
    'stops when its caller leaves in the middle of %s, and leaves no socket open',
    async (manner) => {
      const abort = new AbortController();
      bedrock.wire.manners.push(manner);
      const asked = ask({ signal: abort.signal });
      asked.catch(() => undefined);
      await out.until(() => bedrock.asked.length === 1);
      abort.abort(new Error('left'));
      await expect(asked).rejects.toThrow('left');
      await out.until(() => bedrock.wire.openSockets === 0);
    },
  );
});
