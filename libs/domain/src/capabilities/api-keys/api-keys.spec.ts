import { recorded, specify } from '../../kernel/testing/given.js';
import { foldRow } from '../../kernel/projection.js';
import { apiKeyErrors, apiKeys, type CreateApiKey } from './api-keys.decider.js';
import type { ApiKeyEvent, Role } from './api-keys.events.js';
import { apiKeyRows } from './api-keys.projection.js';

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

  it('is not rotated after it was revoked', () => {
    specify(apiKeys)
      .given(created(1, 'admin'), created(2, 'admin'), revoked(1))
      .when({ type: 'RotateApiKey', data: { oldKeyId: id(1), newKey: stored(3), keepOldActive: false } })
      .refuses(apiKeyErrors.alreadyRevoked);
  });

  it('keeps the instant of its first revocation in its row', () => {
    const first = foldRow(apiKeyRows, recorded(created(1, 'admin')), undefined);
    const second = foldRow(apiKeyRows, recorded(revoked(1), { occurredAt: '2026-02-01T00:00:00.000Z' }), first);
    const third = foldRow(apiKeyRows, recorded(revoked(1), { occurredAt: '2026-03-01T00:00:00.000Z' }), second);
    expect(third?.revoked_at).toBe('2026-02-01T00:00:00.000Z');
  });
});
