import { recorded, specify } from '../../kernel/testing/given.js';
import { foldRow } from '../../kernel/projection.js';
import { apiKeyUse } from './api-key-use.decider.js';
import { apiKeyErrors, apiKeys, type CreateApiKey, type UpdateApiKey } from './api-keys.decider.js';
import type { ApiKeyEvent, Role } from './api-keys.events.js';
import { apiKeyRows, idleDays } from './api-keys.projection.js';
import { areWithin, type KeyScopes } from './key-scopes.decider.js';

const id = (n: number): string => `01900000-0000-7000-8000-00000000000${n}`;
const stored = (n: number) => ({ keyId: id(n), keyHash: `${n}`.repeat(64), keyPrefix: `nrgk_${n}` });
const fields = (n: number, role: Role) => ({ ...stored(n), name: null, role, userId: `user-${n}`, expiresAt: null });
const create = (n: number, role: Role): CreateApiKey => ({ type: 'CreateApiKey', data: fields(n, role) });
const created = (n: number, role: Role): ApiKeyEvent => ({ type: 'ApiKeyCreated', data: fields(n, role) });
const revoked = (n: number): ApiKeyEvent => ({ type: 'ApiKeyRevoked', data: { keyId: id(n) } });

describe('an API key', () => {
  it('is created with its hash and never with itself', () => {
    specify(apiKeys).given().when(create(1, 'admin')).then(created(1, 'admin'));
  });

  it('is not created with an expiry in the past', () => {
    specify(apiKeys)
      .given()
      .when({ type: 'CreateApiKey', data: { ...fields(1, 'admin'), expiresAt: '2020-01-01T00:00:00.000Z' } })
      .refuses(apiKeyErrors.expiryInPast);
  });

  it('is revoked once', () => {
    const revoke = { type: 'RevokeApiKey', data: { keyId: id(2) } } as const;
    specify(apiKeys).given(created(1, 'admin'), created(2, 'reader')).when(revoke).then(revoked(2));
    specify(apiKeys).given(created(1, 'admin'), created(2, 'reader'), revoked(2)).when(revoke).thenNothing();
  });

  it('is not revoked through the API when it is the last admin key of its tenant', () => {
    const revoke = { type: 'RevokeApiKey', data: { keyId: id(1) } } as const;
    specify(apiKeys).given(created(1, 'admin'), created(2, 'reader')).when(revoke).refuses(apiKeyErrors.lastAdmin);
    specify(apiKeys)
      .given(created(1, 'admin'))
      .when({ type: 'RevokeApiKey', data: { keyId: id(1), evenLastAdmin: true } })
      .then(revoked(1));
  });

  it('is rotated to a new key of the same user, role and expiry', () => {
    specify(apiKeys)
      .given(created(1, 'admin'))
      .when({ type: 'RotateApiKey', data: { oldKeyId: id(1), newKey: stored(2), keepOldActive: false } })
      .then(
        { type: 'ApiKeyCreated', data: { ...fields(2, 'admin'), userId: 'user-1' } },
        { type: 'ApiKeyRotated', data: { keyId: id(1), newKeyId: id(2), oldKeptActive: false } },
      );
  });

  it('is rotated with its scopes', () => {
    const scopes = { corpora: ['c1'] };
    specify(apiKeys)
      .given({ type: 'ApiKeyCreated', data: { ...fields(1, 'reader'), scopes } })
      .when({ type: 'RotateApiKey', data: { oldKeyId: id(1), newKey: stored(2), keepOldActive: true } })
      .then(
        { type: 'ApiKeyCreated', data: { ...fields(2, 'reader'), userId: 'user-1', scopes } },
        { type: 'ApiKeyRotated', data: { keyId: id(1), newKeyId: id(2), oldKeptActive: true } },
      );
  });

  it('is not rotated after it was revoked', () => {
    specify(apiKeys)
      .given(created(1, 'admin'), created(2, 'admin'), revoked(1))
      .when({ type: 'RotateApiKey', data: { oldKeyId: id(1), newKey: stored(3), keepOldActive: false } })
      .refuses(apiKeyErrors.alreadyRevoked);
  });

  it('of a known user brings its role and address to every key of that user that still works', () => {
    const command = { ...create(3, 'reader'), data: { ...fields(3, 'reader'), userId: 'user-1', email: 'a@b.c' } };
    specify(apiKeys)
      .given(created(1, 'admin'), {
        type: 'ApiKeyCreated',
        data: { ...fields(2, 'admin'), userId: 'user-1' },
      })
      .when(command)
      .then(
        { type: 'ApiKeyUserChanged', data: { keyId: id(1), userId: 'user-1', role: 'reader', email: 'a@b.c' } },
        { type: 'ApiKeyUserChanged', data: { keyId: id(2), userId: 'user-1', role: 'reader', email: 'a@b.c' } },
        { type: 'ApiKeyCreated', data: command.data },
      );
  });

  it('keeps the instant of its first revocation in its row', () => {
    const first = foldRow(apiKeyRows, recorded(created(1, 'admin')), undefined);
    const second = foldRow(apiKeyRows, recorded(revoked(1), { occurredAt: '2026-02-01T00:00:00.000Z' }), first);
    const third = foldRow(apiKeyRows, recorded(revoked(1), { occurredAt: '2026-03-01T00:00:00.000Z' }), second);
    expect(third?.revoked_at).toBe('2026-02-01T00:00:00.000Z');
  });
});

describe('the limit of active keys', () => {
  const limited = (n: number, maxActive: number): CreateApiKey => ({
    type: 'CreateApiKey',
    data: { ...fields(n, 'reader'), selfServe: { maxActive } },
  });
  const asSelfServe = (n: number): ApiKeyEvent => ({ type: 'SelfServeApiKeyCreated', data: fields(n, 'reader') });

  it('counts every key that is not revoked, disabled or expired, also those of the command line', () => {
    const expired: ApiKeyEvent = {
      type: 'ApiKeyCreated',
      data: { ...fields(3, 'reader'), expiresAt: '2026-01-01T00:00:00.000Z' },
    };
    const given = [created(1, 'admin'), created(2, 'reader'), expired, asSelfServe(4), asSelfServe(5)];
    const gone: ApiKeyEvent[] = [revoked(4), { type: 'ApiKeyDeactivated', data: { keyId: id(5) } }];
    specify(apiKeys)
      .given(...given, ...gone)
      .when(limited(6, 3))
      .then(asSelfServe(6));
    specify(apiKeys)
      .given(...given, ...gone)
      .when(limited(6, 2))
      .refuses(apiKeyErrors.limitReached, { max_active: 2 });
  });

  it('does not bind the command line', () => {
    specify(apiKeys).given(created(1, 'admin')).when(create(2, 'admin')).then(created(2, 'admin'));
  });

  it('is not passed by enabling keys again', () => {
    const disabled: ApiKeyEvent = { type: 'ApiKeyDeactivated', data: { keyId: id(2) } };
    const enable = { type: 'UpdateApiKey', data: { keyId: id(2), active: true, maxActive: 2 } } as const;
    const given = [created(1, 'admin'), created(2, 'reader'), disabled, created(3, 'reader')];
    specify(apiKeys)
      .given(...given)
      .when(enable)
      .refuses(apiKeyErrors.limitReached, { max_active: 2 });
    const more = { ...enable, data: { ...enable.data, maxActive: 3 } };
    specify(apiKeys)
      .given(...given)
      .when(more)
      .then({ type: 'ApiKeyReactivated', data: { keyId: id(2) } });
  });
});

describe('an update of a key', () => {
  const update = (n: number, data: Partial<UpdateApiKey['data']>): UpdateApiKey => ({
    type: 'UpdateApiKey',
    data: { keyId: id(n), maxActive: 20, ...data },
  });
  const two = [created(1, 'admin'), created(2, 'admin')] as const;

  it('changes what it names, clears what is null, and nothing when all is so already', () => {
    const given = [
      ...two,
      { type: 'ApiKeyUpdated', data: { keyId: id(2), expiresAt: '2027-01-01T00:00:00.000Z' } },
    ] as const;
    const scopes = { routes: ['run', 'read', 'run'] };
    specify(apiKeys)
      .given(...given)
      .when(update(2, { name: 'n', expiresAt: null, scopes }))
      .then({
        type: 'ApiKeyUpdated',
        data: { keyId: id(2), name: 'n', expiresAt: null, scopes: { routes: ['read', 'run'] } },
      });
    const same = update(2, { name: null, expiresAt: '2027-01-01T00:00:00.000Z', scopes: null });
    specify(apiKeys)
      .given(...given)
      .when(same)
      .thenNothing();
  });

  it('disables and enables, which are no revocation', () => {
    const off: ApiKeyEvent = { type: 'ApiKeyDeactivated', data: { keyId: id(2) } };
    specify(apiKeys)
      .given(...two)
      .when(update(2, { active: false }))
      .then(off);
    specify(apiKeys)
      .given(...two, off)
      .when(update(2, { active: false }))
      .thenNothing();
    const on = { type: 'ApiKeyReactivated', data: { keyId: id(2) } } as const;
    specify(apiKeys)
      .given(...two, off)
      .when(update(2, { active: true }))
      .then(on);
  });

  it('does not undo a revocation, nor change what is revoked', () => {
    for (const change of [{ active: true }, { name: 'n' }, { expiresAt: '2027-01-01T00:00:00.000Z' }])
      specify(apiKeys)
        .given(...two, revoked(2))
        .when(update(2, change))
        .refuses(apiKeyErrors.alreadyRevoked);
    specify(apiKeys)
      .given(...two, revoked(2))
      .when(update(2, { revoke: true }))
      .thenNothing();
    specify(apiKeys)
      .given(...two, revoked(2))
      .when(update(2, { active: false }))
      .thenNothing();
  });

  it('is refused when it activates and revokes at once', () => {
    specify(apiKeys)
      .given(...two)
      .when(update(2, { active: true, revoke: true }))
      .refuses(apiKeyErrors.activeAndRevoked);
  });

  it.each(['toString', '__proto__', 'constructor', id(9)])('of the unknown key %s finds none', (keyId) => {
    specify(apiKeys)
      .given(...two)
      .when(update(2, { keyId, name: 'n' }))
      .refuses(apiKeyErrors.notFound);
  });

  it.each([
    ['revokes', { revoke: true }],
    ['disables', { active: false }],
    ['expires', { expiresAt: '2020-01-01T00:00:00.000Z' }],
    ['limits', { scopes: { routes: ['read'] } }],
  ])('is refused when it %s the last admin key that works', (_, change) => {
    const given = [created(1, 'admin'), created(2, 'reader')] as const;
    specify(apiKeys)
      .given(...given)
      .when(update(1, change))
      .refuses(apiKeyErrors.lastAdmin);
  });

  it.each<[string, readonly ApiKeyEvent[], readonly string[]]>([
    ['revoked', [created(2, 'admin'), revoked(2)], []],
    ['disabled', [created(2, 'admin'), { type: 'ApiKeyDeactivated', data: { keyId: id(2) } }], []],
    [
      'expired',
      [{ type: 'ApiKeyCreated', data: { ...fields(2, 'admin'), expiresAt: '2026-01-01T00:00:00.000Z' } }],
      [],
    ],
    ['limited', [{ type: 'ApiKeyCreated', data: { ...fields(2, 'admin'), scopes: { corpora: ['c1'] } } }], []],
    ['idle', [created(2, 'admin')], [id(2)]],
    [
      'demoted',
      [created(2, 'admin'), { type: 'ApiKeyUserChanged', data: { keyId: id(2), userId: 'user-2', role: 'reader' } }],
      [],
    ],
  ])('counts no other admin key that is %s', (_, others, idleKeyIds) => {
    const revoke = { type: 'RevokeApiKey', data: { keyId: id(1), idleKeyIds } } as const;
    specify(apiKeys)
      .given(created(1, 'admin'), ...others)
      .when(revoke)
      .refuses(apiKeyErrors.lastAdmin);
  });
});

describe('the use of a key', () => {
  const use = (lastUsedAt: string | null) => ({ type: 'RecordApiKeyUse', data: { keyId: id(1), lastUsedAt } }) as const;

  it('is remembered once in five minutes', () => {
    const used: ApiKeyEvent = { type: 'ApiKeyUsed', data: { keyId: id(1) } };
    specify(apiKeyUse).given().when(use(null)).then(used);
    specify(apiKeyUse).given().when(use('2026-01-02T02:59:00.000Z')).then(used);
    specify(apiKeyUse).given().when(use('2026-01-02T03:03:00.000Z')).thenNothing();
  });

  it('moves the row forward only, and an activation begins the inactivity anew', () => {
    const at = (occurredAt: string) => ({ occurredAt });
    const uses: ApiKeyEvent = { type: 'ApiKeyUsed', data: { keyId: id(1) } };
    const made = foldRow(apiKeyRows, recorded(created(1, 'admin')), undefined);
    const later = foldRow(apiKeyRows, recorded(uses, at('2026-03-01T00:00:00.000Z')), made);
    const earlier = foldRow(apiKeyRows, recorded(uses, at('2026-02-01T00:00:00.000Z')), later);
    expect(earlier?.last_used_at).toBe('2026-03-01T00:00:00.000Z');
    const on: ApiKeyEvent = { type: 'ApiKeyReactivated', data: { keyId: id(1) } };
    const again = foldRow(apiKeyRows, recorded(on, at('2026-09-01T00:00:00.000Z')), earlier);
    if (again === undefined) throw new Error('the row is gone');
    expect(idleDays(again, Date.parse('2026-09-03T12:00:00.000Z'))).toBe(2);
    expect(made === undefined ? -1 : idleDays(made, Date.parse('2026-01-12T03:04:05.678Z'))).toBe(10);
  });
});

describe('scopes', () => {
  it.each<[string, KeyScopes | null, KeyScopes | null, boolean]>([
    ['anything within none', { corpora: ['c1'] }, null, true],
    ['none within some', null, { corpora: ['c1'] }, false],
    ['fewer within more', { corpora: ['c1'] }, { corpora: ['c1', 'c2'] }, true],
    ['more within fewer', { corpora: ['c1', 'c2'] }, { corpora: ['c1'] }, false],
    ['another dimension alone', { routes: ['run'] }, { corpora: ['c1'] }, false],
    ['an empty list within any', { corpora: [] }, { corpora: ['c1'] }, true],
  ])('hold %s: a limited key makes no wider one', (_, scopes, limit, within) => {
    expect(areWithin(scopes, limit)).toBe(within);
  });
});
