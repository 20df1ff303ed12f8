import type { AuthAttempt } from '#api/http/principal.js';
import { OperatorCredentials } from './operator-token.adapter.js';

const attempt = (path: string, headers: AuthAttempt['headers'] = {}): AuthAttempt => ({
  headers,
  ip: '127.0.0.1',
  method: 'GET',
  path,
  requestId: 'r1',
  userAgent: null,
});

describe('the tokens of operators', () => {
  const tokens = new OperatorCredentials({ operatorToken: 'the-operator-token', adminToken: 'the-admin-token-of-all' });
  const idAt = (token: string, path: string): string | undefined =>
    tokens.principalOf(token, attempt(path), 't1')?.apiKeyId;

  it('open everything to the operator of the machine', () => {
    expect(tokens.principalOf('the-operator-token', attempt('/v1/corpora', { 'x-tenant-id': 't2' }), 't1')).toEqual({
      subjectId: 'operator',
      tenantId: 't2',
      role: 'admin',
      apiKeyId: 'operator',
      authMethod: 'operator',
      groups: [],
      platformOperator: true,
    });
  });

  it('open health and events to whoever watches, and nothing else', () => {
    for (const path of ['/v1/admin/system/health', '/v1/admin/system/health.json', '/v1/admin/events/stream'])
      expect([path, idAt('the-admin-token-of-all', path)]).toEqual([path, 'admin-token']);
    for (const path of [
      '/v1/corpora',
      '/v1/operator/keys.create',
      '/v1/admin/keyring',
      '/v1/admin/system/health/x',
      '/x/v1/admin/events/stream',
    ])
      expect([path, idAt('the-admin-token-of-all', path)]).toEqual([path, undefined]);
  });

  it('are nobody’s when they differ in a letter or in length, or are not set', () => {
    for (const wrong of ['', 'the-admin-token-of-al', 'the-admin-token-of-all ', 'The-admin-token-of-all', 'undefined'])
      expect([wrong, idAt(wrong, '/v1/admin/events/stream')]).toEqual([wrong, undefined]);
    const none = new OperatorCredentials({ operatorToken: undefined, adminToken: undefined });
    expect(none.principalOf('', attempt('/v1/admin/events/stream'), 't1')).toBeUndefined();
    expect(none.principalOf('undefined', attempt('/v1/admin/events/stream'), 't1')).toBeUndefined();
  });

  it('name no tenant that cannot be one', () => {
    const wrong = attempt('/v1/corpora', { 'x-tenant-id': 'NO TENANT' });
    expect(() => tokens.principalOf('the-operator-token', wrong, 't1')).toThrow();
  });
});
