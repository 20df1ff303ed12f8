import type { AccessEvent } from '#domain/capabilities/access/access.events.js';
import { authErrors } from '#domain/capabilities/api-keys/auth-errors.decider.js';
import type { AccessContext } from '#api/http/gates.js';
import { CredentialRefused, TooManyFailures, type AuthAttempt } from '#api/http/principal.js';
import { start, type Started } from './fixture.js';

const key = { tenantId: 't9', actor: { type: 'api_key', id: 'k9', role: 'reader' } } as const;

const failures: Readonly<Record<string, () => Error>> = {
  unavailable: () => new CredentialRefused(authErrors.unavailable, { unavailable: true }),
  inactive: () => new CredentialRefused(authErrors.inactiveKey, { who: key, inactiveDaysThreshold: 90 }),
  expired: () => new CredentialRefused(authErrors.expiredKey, { who: key, expired: true }),
  unknown: () => new CredentialRefused(authErrors.unauthorized),
  flood: () => new TooManyFailures(1_500),
};

describe('a credential that is not accepted', () => {
  let server: Started;
  const recorded: { how: string; event: AccessEvent; who: AccessContext }[] = [];
  beforeAll(async () => {
    const keep = (how: string) => (event: AccessEvent, who: AccessContext) => {
      recorded.push({ how, event, who });
      return Promise.resolve();
    };
    server = await start({
      access: {
        record: (event, who) => void keep('in the background')(event, who),
        recorded: keep('before the answer'),
      },
      authenticator: {
        authenticate: ({ headers }: AuthAttempt) => {
          const [how = '', when] = String(headers['x-fail']).split(' ');
          const error = failures[how]?.() ?? new Error('no such failure');
          if (when === 'later') return Promise.reject(error);
          throw error;
        },
      },
    });
  });
  afterAll(() => server.close());
  beforeEach(() => recorded.splice(0));

  it.each([
    ['unknown', 401, 'AuthenticationRefused', 'before the answer', '_system', 'anonymous'],
    ['unknown later', 401, 'AuthenticationRefused', 'before the answer', '_system', 'anonymous'],
    ['unavailable later', 503, 'AuthenticationRefused', 'in the background', '_system', 'system'],
    ['inactive', 401, 'AuthenticationRefused', 'before the answer', 't9', 'api_key'],
    ['expired later', 401, 'ExpiredApiKeyRefused', 'before the answer', 't9', 'api_key'],
    ['flood later', 429, 'RequestRateLimited', 'before the answer', '_system', 'anonymous'],
  ])('because it is %s is %i, and on record as %s %s', async (failure, status, type, how, tenantId, actorType) => {
    const response = await server.get('/v1/boxes', { 'x-fail': failure });
    expect(response.status).toBe(status);
    expect(recorded.map(({ how: when, event, who }) => [when, event.type, who.tenantId, who.actor.type])).toEqual([
      [how, type, tenantId, actorType],
    ]);
  });

  it('for its idleness says how long that is', async () => {
    await server.get('/v1/boxes', { 'x-fail': 'inactive' });
    expect(recorded[0]?.event.data).toMatchObject({ inactiveDaysThreshold: 90, code: 'AUTH_INACTIVE_KEY', count: 1 });
  });

  it('too often says when to come again', async () => {
    const response = await server.get('/v1/boxes', { 'x-fail': 'flood' });
    expect(response.headers.get('retry-after')).toBe('2');
    expect(response.headers.get('x-ratelimit-retry-after-ms')).toBe('1500');
    expect(recorded[0]?.event.data).toMatchObject({ scope: 'address', routeClass: 'read', retryAfterMs: 1_500 });
  });

  it('by an error of ours is 500 without a word about it', async () => {
    const response = await server.get('/v1/boxes', { 'x-fail': 'other' });
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('no such failure');
  });
});
