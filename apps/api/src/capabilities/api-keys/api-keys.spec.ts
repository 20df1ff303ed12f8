import type { ApiKeyRow } from '#domain/capabilities/api-keys/api-keys.projection.js';
import type { SsoSession } from '#domain/capabilities/api-keys/api-keys.ports.js';
import { CredentialRefused, TooManyFailures, type AuthAttempt } from '#api/http/principal.js';
import { HotStateUnavailable } from '#infra/hot-state/hot-state.js';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { AddressLimiter, networkOf } from './address-limiter.adapter.js';
import { KeyHasher, sha256Of } from './api-key-secret.adapter.js';
import { KeyUses } from './api-key-use.adapter.js';
import { ApiKeyAuthenticator, type AuthDeps, type AuthSettings } from './api-keys.adapter.js';
import { isNetwork, isRoute, outOfScope } from './key-scopes.adapter.js';

const DAY_MS = 86_400_000;
const ago = (days: number): string => new Date(Date.now() - days * DAY_MS).toISOString();
const PEPPER = 'a pepper that is long enough to be one';

const row = (over: Partial<ApiKeyRow> = {}): ApiKeyRow => ({
  id: 'k1',
  tenant_id: 't1',
  key_hash: sha256Of('key'),
  key_prefix: 'nrgk_1234567',
  name: null,
  role: 'reader',
  user_id: 'u1',
  email: null,
  created_at: ago(1),
  expires_at: null,
  revoked_at: null,
  disabled_at: null,
  last_used_at: null,
  scopes: null,
  ...over,
});

interface World {
  readonly rows?: readonly ApiKeyRow[];
  /** Rows that only the database knows. */
  readonly stored?: readonly ApiKeyRow[];
  readonly down?: boolean;
  readonly session?: SsoSession;
  readonly hasher?: KeyHasher;
  readonly settings?: Partial<AuthSettings>;
  readonly burst?: number;
}

function worldOf({ rows = [], stored = [], down = false, session, hasher, settings, burst = 100 }: World) {
  const asked: string[] = [];
  const rehashed: string[] = [];
  const by = (all: readonly ApiKeyRow[], hash: string) => all.filter((each) => each.key_hash === hash);
  const keys = {
    findBy: (_: string, hash: string) => by(rows, hash),
    get: () => undefined,
    isFresh: () => !down,
    findByOrCheck: (_: string, hash: string) => {
      asked.push(hash);
      return down
        ? Promise.reject(new HotStateUnavailable('api_keys'))
        : Promise.resolve(by([...rows, ...stored], hash));
    },
  };
  const deps = {
    keys,
    hasher: hasher ?? new KeyHasher(),
    uses: { rehash: (_: ApiKeyRow, hash: string) => rehashed.push(hash) } as unknown as KeyUses,
    failures: new AddressLimiter(new MemorySharedState(() => 0), { ratePerSecond: 1, burst }, () => 0),
    sessions: { find: (hash: string) => Promise.resolve(hash === sha256Of('nrgss_known') ? session : undefined) },
  } as unknown as AuthDeps;
  const authenticator = new ApiKeyAuthenticator(deps, {
    enabled: true,
    devBypass: false,
    header: 'authorization',
    operatorToken: undefined,
    adminToken: undefined,
    operatorTenantId: 't1',
    inactiveDays: 90,
    ...settings,
  });
  const call = (token: string | undefined, ip = '192.0.2.1', headers: Record<string, string> = {}) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const attempt = { headers: { ...authorization, ...headers }, ip, method: 'GET', path: '/', requestId: 'r1' };
    return authenticator.authenticate({ ...attempt, userAgent: null } satisfies AuthAttempt);
  };
  const outcome = async (...given: Parameters<typeof call>): Promise<string> => {
    try {
      return (await call(...given)).authMethod;
    } catch (error) {
      if (error instanceof CredentialRefused) return error.row.code;
      if (error instanceof TooManyFailures) return `${error.row.code} for ${error.retryAfterMs} ms`;
      throw error;
    }
  };
  return { call, outcome, asked, rehashed };
}

describe('a key', () => {
  it('that is in memory is proved without a promise: every request waits for it', () => {
    expect(worldOf({ rows: [row()] }).call('key')).toMatchObject({ apiKeyId: 'k1', tenantId: 't1', role: 'reader' });
  });

  it.each<[string, Partial<ApiKeyRow>, string]>([
    [
      'revoked, whatever else it is',
      { revoked_at: ago(1), expires_at: ago(1), disabled_at: ago(1) },
      'AUTH_REVOKED_KEY',
    ],
    ['disabled', { disabled_at: ago(1) }, 'AUTH_DISABLED_KEY'],
    ['expired', { expires_at: ago(0.001) }, 'AUTH_EXPIRED_KEY'],
    ['not used for 90 days', { created_at: ago(200), last_used_at: ago(90) }, 'AUTH_INACTIVE_KEY'],
    ['never used in 90 days', { created_at: ago(90) }, 'AUTH_INACTIVE_KEY'],
    ['used 89 days ago', { created_at: ago(200), last_used_at: ago(89.9) }, 'api_key'],
    ['of a role that nobody knows', { role: 'owner' }, 'AUTH_FORBIDDEN'],
  ])('that is %s has its outcome', async (_, over, code) => {
    expect(await worldOf({ rows: [row(over)] }).outcome('key')).toBe(code);
  });

  it('is not refused for being idle where that is not enforced', async () => {
    const rows = [row({ created_at: ago(1_000) })];
    expect(await worldOf({ rows, settings: { inactiveDays: undefined } }).outcome('key')).toBe('api_key');
  });

  it('that was made in another process a moment ago is found in the table', async () => {
    expect(await worldOf({ stored: [row()] }).outcome('key')).toBe('api_key');
  });

  it('that cannot be checked is 503, and nobody is let in on old policy', async () => {
    expect(await worldOf({ rows: [row()], down: true }).outcome('key')).toBe('AUTH_UNAVAILABLE');
  });
});

describe('the pepper', () => {
  it.each<[string, string, KeyHasher]>([
    ['none', sha256Of('key'), new KeyHasher(PEPPER)],
    [
      'the previous one',
      new KeyHasher('an older pepper that is long enough').hash('key'),
      new KeyHasher(PEPPER, 'an older pepper that is long enough'),
    ],
    ['one that was taken away', new KeyHasher(PEPPER).hash('key'), new KeyHasher(undefined, PEPPER)],
  ])('lets a key work that was hashed under %s, and has it hashed anew', async (_, key_hash, hasher) => {
    const known = worldOf({ rows: [row({ key_hash })], hasher });
    expect(await known.outcome('key')).toBe('api_key');
    expect(known.rehashed).toEqual([hasher.hash('key')]);
    const elsewhere = worldOf({ stored: [row({ key_hash })], hasher });
    expect(await elsewhere.outcome('key')).toBe('api_key');
    expect(elsewhere.rehashed).toEqual([hasher.hash('key')]);
  });

  it('is needed: a hash alone does not tell whether a key is the right one', () => {
    expect(new KeyHasher(PEPPER).hash('key')).not.toBe(sha256Of('key'));
    expect(new KeyHasher(PEPPER).hash('key')).not.toBe(new KeyHasher(`${PEPPER}!`).hash('key'));
  });

  it('of a time before the previous one is forgotten', async () => {
    const key_hash = new KeyHasher('the oldest pepper, which nobody has').hash('key');
    expect(await worldOf({ rows: [row({ key_hash })], hasher: new KeyHasher(PEPPER) }).outcome('key')).toBe(
      'AUTH_UNAUTHORIZED',
    );
  });
});

describe('a session', () => {
  const session = { sessionId: 's1', tenantId: 't2', userId: 'u2', role: 'editor', userActive: true };

  it('is looked up by the hash of its token and makes a principal', async () => {
    expect(await worldOf({ session }).call('nrgss_known')).toMatchObject({
      subjectId: 'u2',
      tenantId: 't2',
      apiKeyId: 's1',
      authMethod: 'sso_session',
      groups: [],
      platformOperator: false,
    });
  });

  it('that is not open is 401, and one of a disabled user 403', async () => {
    expect(await worldOf({ session }).outcome('nrgss_other')).toBe('AUTH_UNAUTHORIZED');
    expect(await worldOf({ session: { ...session, userActive: false } }).outcome('nrgss_known')).toBe('AUTH_FORBIDDEN');
  });
});

describe('what is written of keys in the background', () => {
  function usesOf(run: () => Promise<unknown>) {
    let now = Date.parse('2026-01-02T03:04:05.678Z');
    const written: string[] = [];
    const errors: unknown[] = [];
    const path = {
      run: (_: unknown, streamId: string, { type }: { type: string }) => {
        written.push(`${type} on ${streamId}`);
        return run();
      },
    };
    const uses = new KeyUses({ path: path as never, onError: (error) => errors.push(error), now: () => now });
    return { uses, written, errors, pass: (ms: number) => (now += ms) };
  }
  const MINUTE_MS = 60_000;

  it('is a use every five minutes, on a stream of the key and the day', () => {
    const { uses, written, pass } = usesOf(() => Promise.resolve());
    for (let minute = 0; minute < 15; minute += 1) {
      uses.note(row());
      pass(MINUTE_MS);
    }
    expect(written).toEqual(Array.from({ length: 3 }, () => 'RecordApiKeyUse on k1.2026-01-02'));
  });

  it('is no use that another process has written', () => {
    const { uses, written, pass } = usesOf(() => Promise.resolve());
    uses.note(row({ last_used_at: '2026-01-02T03:03:05.678Z' }));
    expect(written).toEqual([]);
    pass(4 * MINUTE_MS);
    uses.note(row({ last_used_at: '2026-01-02T03:03:05.678Z' }));
    expect(written).toHaveLength(1);
  });

  it('is tried again half a minute later, not by every request, while nothing can be written', async () => {
    const { uses, written, errors, pass } = usesOf(() => Promise.reject(new Error('frozen')));
    for (let second = 0; second < 60; second += 1) {
      uses.note(row());
      uses.rehash(row(), 'b'.repeat(64));
      await uses.stop();
      pass(1_000);
    }
    expect(written).toHaveLength(4);
    expect(errors).toHaveLength(4);
  });
});

describe('failures of one address', () => {
  it('beyond the burst are 429 and ask no database; another address and a valid key go on', async () => {
    const world = worldOf({ rows: [row()], burst: 3 });
    const outcomes: string[] = [];
    for (let n = 0; n < 5; n += 1) outcomes.push(await world.outcome(`guess-${n}`));
    const limited = 'RATE_LIMITED for 1000 ms';
    expect(outcomes).toEqual([...Array.from({ length: 3 }, () => 'AUTH_UNAUTHORIZED'), limited, limited]);
    expect(world.asked).toHaveLength(3);
    expect(await world.outcome('key')).toBe('api_key');
    expect(await world.outcome('guess', '192.0.2.2')).toBe('AUTH_UNAUTHORIZED');
    expect(await world.outcome(undefined)).toBe(limited);
  });

  it('are counted together, so that parallel guesses reach the database no more often', async () => {
    const world = worldOf({ burst: 3 });
    const outcomes = await Promise.all(Array.from({ length: 64 }, (_, n) => world.outcome(`guess-${n}`)));
    expect(outcomes.filter((code) => code === 'AUTH_UNAUTHORIZED')).toHaveLength(3);
    expect(world.asked).toHaveLength(3);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:0db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('of %s are those of %s', (ip, network) => {
    expect(networkOf(ip)).toBe(network);
  });
});

describe('the scopes of a key', () => {
  const called = { verb: 'GET', rate: 'read', url: '/v1/documents/:documentId' } as const;

  it.each([
    ['10.0.0.0/8', '10.2.3.4', undefined],
    ['10.0.0.0/8', '::ffff:10.2.3.4', undefined],
    ['10.0.0.0/8', '11.2.3.4', 'network'],
    ['192.0.2.7', '192.0.2.7', undefined],
    ['192.0.2.7', '192.0.2.8', 'network'],
    ['2001:db8::/32', '2001:db8:5::1', undefined],
    ['2001:db8::/32', '2001:db9::1', 'network'],
    ['2001:db8::/32', '10.2.3.4', 'network'],
  ])('of the network %s: %s is %s', (network, ip, reason) => {
    expect(outOfScope({ networks: [network] }, called, ip)).toBe(reason);
  });

  it.each([
    [['read'], undefined],
    [['GET /v1/documents/:documentId'], undefined],
    [['run', 'mutation'], 'route'],
    [['GET /v1/documents'], 'route'],
    [[], 'route'],
  ])('of the routes %j: a read of a document is %s', (routes, reason) => {
    expect(outOfScope({ routes }, called, '::1')).toBe(reason);
  });

  it('are refused when they mean nothing', () => {
    expect(['10.0.0.0/8', '10.1.2.3', '::/0', '2001:db8::1'].filter((text) => !isNetwork(text))).toEqual([]);
    expect(['', '10.0.0.0/33', '10.0.0/8', '::/129', '10.0.0.0/8/8', 'here', '10.0.0.0/-1'].filter(isNetwork)).toEqual(
      [],
    );
    expect(
      ['run', 'read', 'GET /v1/corpora', 'POST /v1/documents/:documentId/reindex'].filter((text) => !isRoute(text)),
    ).toEqual([]);
    expect(
      ['none', '', 'GET', '/v1/corpora', 'GET /corpora', 'get /v1/corpora', 'GET /v1/../x y'].filter(isRoute),
    ).toEqual([]);
  });
});
