import { foldRow } from '../../kernel/projection.js';
import { recorded } from '../../kernel/testing/given.js';
import { apiKeyEvents } from '../api-keys/api-keys.events.js';
import { auditProjection } from './audit.projection.js';

const projection = auditProjection({
  table: 'audit_events',
  version: 1,
  definitions: new Map(Object.entries(apiKeyEvents)),
});
const created = recorded({
  type: 'ApiKeyCreated',
  data: {
    keyId: 'k1',
    keyHash: 'h',
    keyPrefix: 'nrgk_1',
    name: 'ci',
    role: 'admin',
    userId: 'u1',
    email: 'canary',
    expiresAt: null,
  },
});

describe('the audit log', () => {
  it('shows who did what to which thing, under the taxonomy of the API', () => {
    expect(foldRow(projection, created, undefined)).toMatchObject({
      event_type: 'auth.api_key.created',
      outcome: 'success',
      actor_type: 'api_key',
      actor_id: 'ada',
      resource_type: 'api_key',
      resource_id: 'k1',
      request_id: 'req-1',
    });
  });

  it('shows neither personal fields nor hashes', () => {
    const row = JSON.stringify(foldRow(projection, created, undefined));
    expect(row).not.toContain('canary');
    expect(row).not.toContain('key_hash');
  });

  it('has no row for an event type of another build', () => {
    expect(foldRow(projection, recorded({ type: 'Unheard', data: {} }), undefined)).toBeUndefined();
  });
});
