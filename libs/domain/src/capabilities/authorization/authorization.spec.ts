import { foldRow } from '../../kernel/projection.js';
import { recorded, specify } from '../../kernel/testing/given.js';
import type { DocumentEvent } from '../documents/documents.events.js';
import { authorizationErrors, authzPolicies, type CreatePolicy } from './authorization.decider.js';
import type { PermissionEvent, PolicyEvent } from './authorization.events.js';
import { documentAclRows, grantsOf } from './authorization.projection.js';
import { documentAcl } from './document-acl.decider.js';
import { grantFor, type Grant } from './permissions.ports.js';
import { decide, PolicySet, type StoredPolicy } from './policies.ports.js';

const id = '01900000-0000-7000-8000-000000000001';
const rules = { maxBytes: 16_384, maxDepth: 8, allowWildcards: false };
const text = {
  name: 'A policy',
  effect: 'deny',
  resourceType: 'document',
  action: 'read',
  condition: { eq: [{ var: 'principal.role' }, 'reader'] },
  priority: 100,
  enabled: true,
} as const;
const create = (over: Partial<CreatePolicy['data']> = {}): CreatePolicy => ({
  type: 'CreatePolicy',
  data: { ...text, createdBy: 'ada', rules, ...over },
});
const created: PolicyEvent = {
  type: 'AuthzPolicyCreated',
  data: { policyId: id, ...text, createdBy: 'ada', seeded: false },
};
const seed = { type: 'SeedPolicies', data: { of: 'tenant' } } as const;

describe('a policy', () => {
  it('is created, switched and deleted', () => {
    specify(authzPolicies).given().when(create()).then(created);
    const off = { type: 'SwitchPolicy', data: { policyId: id, enabled: false } } as const;
    specify(authzPolicies)
      .given(created)
      .when(off)
      .then({ type: 'AuthzPolicyDisabled', data: { policyId: id } });
    specify(authzPolicies)
      .given(created, { type: 'AuthzPolicyDisabled', data: { policyId: id } })
      .when(off)
      .thenNothing();
    const remove = { type: 'DeletePolicy', data: { policyId: id } } as const;
    specify(authzPolicies)
      .given(created)
      .when(remove)
      .then({ type: 'AuthzPolicyDeleted', data: { policyId: id } });
    specify(authzPolicies).given().when(remove).refuses(authorizationErrors.policyNotFound);
  });

  it('is changed field by field, with a version, and not at all where nothing differs', () => {
    const change = (changes: object) => ({ type: 'UpdatePolicy', data: { policyId: id, changes, rules } }) as const;
    specify(authzPolicies)
      .given(created)
      .when(change({ priority: 7 }))
      .then({ type: 'AuthzPolicyUpdated', data: { policyId: id, ...text, priority: 7, policyVersion: 2 } });
    specify(authzPolicies)
      .given(created)
      .when(change({ priority: 100 }))
      .thenNothing();
    specify(authzPolicies)
      .given(created)
      .when(change({ action: 'run' }))
      .refuses(authorizationErrors.policyInvalid);
  });

  it.each([
    ['audit', 'write'],
    ['run', 'run'],
    ['dog', '*'],
    ['*', '*'],
  ])('is refused for what nobody asks: %s %s', (resourceType, action) => {
    specify(authzPolicies).given().when(create({ resourceType, action })).refuses(authorizationErrors.policyInvalid);
  });

  it.each([
    ['corpus', 'run', 'resource.labels.team', false],
    ['run', 'read', 'resource.status', false],
    ['admin', '*', 'resource.corpus_id', false],
    ['*', 'manage', 'resource.unheard', false],
    ['*', 'run', 'resource.content_type', false],
    ['*', 'read', 'resource.content_type', true],
    ['run', 'delete', 'resource.corpus_id', true],
    ['corpus', '*', 'resource.corpus_id', true],
    ['ops', 'read', 'resource.id', true],
  ])('on %s %s that looks at %s is saved: %s', (resourceType, action, name, isSaved) => {
    const condition = { any: [{ not: { eq: [1, { var: name }] } }] };
    const specified = specify(authzPolicies).given().when(create({ resourceType, action, condition }));
    if (!isSaved) specified.refuses(authorizationErrors.policyInvalid);
    else specified.then({ type: 'AuthzPolicyCreated', data: { ...created.data, resourceType, action, condition } });
  });

  it('may be about everything only where that is allowed', () => {
    const all = { resourceType: '*', action: '*' };
    const made = { ...created.data, ...all } as Extract<PolicyEvent, { type: 'AuthzPolicyCreated' }>['data'];
    specify(authzPolicies)
      .given()
      .when(create({ ...all, rules: { ...rules, allowWildcards: true } }))
      .then({ type: 'AuthzPolicyCreated', data: made });
  });

  describe('among others', () => {
    const heavy = { any: Array.from({ length: 1_500 }, (_, n) => ({ eq: [{ var: 'resource.id' }, n] })) };
    const wide = { ...rules, maxBytes: 1_000_000 };
    const made = (policyId: string, over: object = {}): PolicyEvent => ({
      type: 'AuthzPolicyCreated',
      data: { ...text, policyId, condition: heavy, createdBy: null, seeded: false, ...over },
    });
    const full = ['a', 'b'].map((policyId) => made(policyId));

    it('is not saved, and not put in force, where all together would be too large for a query', () => {
      const one = create({ condition: heavy, rules: wide });
      specify(authzPolicies)
        .given(...full)
        .when(one)
        .refuses(authorizationErrors.policyTooComplex);
      const { createdBy, rules: _, ...said } = one.data;
      const off = { ...said, enabled: false };
      specify(authzPolicies)
        .given(...full)
        .when(create({ condition: heavy, rules: wide, enabled: false }))
        .then({ type: 'AuthzPolicyCreated', data: { policyId: id, ...off, createdBy, seeded: false } });
      specify(authzPolicies)
        .given(...full, made('c', { enabled: false }))
        .when({ type: 'SwitchPolicy', data: { policyId: 'c', enabled: true } })
        .refuses(authorizationErrors.policyTooComplex);
    });

    it('counts for the pairs of a query alone, and may always become smaller', () => {
      const other = { resourceType: 'corpus', action: 'run' };
      specify(authzPolicies)
        .given(...full, made('c', { ...other, enabled: false }))
        .when({ type: 'SwitchPolicy', data: { policyId: 'c', enabled: true } })
        .then({ type: 'AuthzPolicyEnabled', data: { policyId: 'c' } });
      const changes = { condition: { any: heavy.any.slice(0, 1_400) } };
      specify(authzPolicies)
        .given(...full, made('c'))
        .when({ type: 'UpdatePolicy', data: { policyId: 'c', changes, rules: wide } })
        .then({ type: 'AuthzPolicyUpdated', data: { policyId: 'c', ...text, ...changes, policyVersion: 2 } });
    });
  });

  it('that a tenant began with does not come back once it is deleted', () => {
    const seeded = (policyId: string): PolicyEvent => ({
      type: 'AuthzPolicyCreated',
      data: { ...text, policyId, createdBy: null, seeded: true },
    });
    const [one, two] = [seeded('default-documents'), seeded('default-corpus-run')];
    specify(authzPolicies)
      .given(one, two, { type: 'AuthzPolicyDeleted', data: { policyId: 'default-documents' } })
      .when(seed)
      .thenNothing();
  });
});

const stored = (over: Partial<StoredPolicy>): StoredPolicy => ({ policyId: 'p', ...text, condition: null, ...over });

describe('a verdict', () => {
  const verdict = (policies: readonly StoredPolicy[], defaultDeny = true) =>
    decide(new PolicySet(policies).of('document.read'), {}, defaultDeny);

  it('is that of a deny before any allow, whatever the priorities', () => {
    const deny = stored({ policyId: 'd', priority: 1 });
    const allow = stored({ policyId: 'a', effect: 'allow', priority: 1_000 });
    expect(verdict([allow, deny])).toEqual({ allowed: false, reason: 'policy_deny', policyId: 'd' });
    expect(verdict([allow])).toEqual({ allowed: true, reason: 'policy_allow', policyId: 'a' });
    expect(verdict([allow, stored({ ...deny, enabled: false })])).toMatchObject({ allowed: true });
  });

  it('names the first that matches, by priority, then by id', () => {
    const allows = ['b', 'a'].map((policyId) => stored({ policyId, effect: 'allow' }));
    expect(verdict(allows).policyId).toBe('a');
    expect(verdict([...allows, stored({ policyId: 'c', effect: 'allow', priority: 101 })]).policyId).toBe('c');
  });

  it('is the default where nothing matches, and closed where a policy is not understood', () => {
    expect(verdict([])).toMatchObject({ allowed: false, reason: 'default_deny' });
    expect(verdict([], false)).toMatchObject({ allowed: true, reason: 'default_allow' });
    const broken = stored({ effect: 'allow', condition: { unheard: [] } });
    expect(verdict([broken], false)).toMatchObject({ allowed: false, reason: 'policy_invalid' });
  });

  it('is for each pair that a star stands for', () => {
    const set = new PolicySet([stored({ resourceType: '*', action: 'manage', effect: 'allow' })]);
    for (const pair of ['document.manage', 'corpus.manage', 'ops.manage', 'admin.manage'] as const)
      expect(set.of(pair).allow).toHaveLength(1);
    expect(set.of('document.read').allow).toEqual([]);
  });
});

const submitted = (owner: string | null, shared = false): DocumentEvent => ({
  type: 'DocumentSubmitted',
  data: {
    documentId: 'd1',
    owner,
    shared,
    corpusId: 'c1',
    jobId: id,
    filename: 'a',
    contentType: 'text/plain',
    form: 'text',
    metadata: null,
    ingestSource: 'raw_text',
    content: { id, sha256: 'a'.repeat(64), size: 1, keyId: 'k' },
    charCount: 1,
    metadataKeys: [],
    labels: {},
    chunking: { size: 9, overlap: 1 },
    overwrite: false,
    replacedContentIds: [],
  },
});
const asked = {
  permissionId: 'p1',
  principalType: 'user',
  principalId: 'bob',
  permission: 'read',
  expiresAt: null,
} as const;
const ask = (over: object = {}) =>
  ({ type: 'GrantPermissions', data: { grants: [{ ...asked, ...over }], grantedBy: 'ada' } }) as const;
const granted = (over: object = {}): PermissionEvent => ({
  type: 'DocumentPermissionGranted',
  data: { documentId: 'd1', ...asked, grantedBy: 'ada', ...over },
});

describe('permissions on a document', () => {
  it('are given once, and renewed under their id where their end differs', () => {
    specify(documentAcl).given(submitted('ada')).when(ask()).then(granted());
    specify(documentAcl).given(submitted('ada'), granted()).when(ask()).thenNothing();
    const ended = granted({ expiresAt: '2026-01-01T00:00:00.000Z' });
    specify(documentAcl)
      .given(submitted('ada'), ended)
      .when(ask({ permissionId: 'p2' }))
      .then(granted());
  });

  it('are refused on what is not there, for the past, and taken only where they are', () => {
    specify(documentAcl).given().when(ask()).refuses(authorizationErrors.documentNotFound);
    specify(documentAcl)
      .given(submitted('ada'))
      .when(ask({ expiresAt: '2020-01-01T00:00:00.000Z' }))
      .refuses(authorizationErrors.expiryInPast);
    specify(documentAcl)
      .given(submitted('ada'))
      .when({ type: 'RevokePermission', data: { permissionId: 'other' } })
      .refuses(authorizationErrors.permissionNotFound);
  });

  it('end with the document, and begin anew with its successor', () => {
    const removed: DocumentEvent = {
      type: 'DocumentDeleted',
      data: { documentId: 'd1', corpusId: 'c1', contentIds: [] },
    };
    const state = [submitted('ada'), granted(), removed, submitted('eve')].reduce(
      documentAcl.evolve,
      documentAcl.initial,
    );
    expect(state).toMatchObject({ grants: [{ principalId: 'eve', permission: 'owner' }] });
    expect(state.status === 'present' ? state.grants : []).toHaveLength(1);
  });

  it('are the same in the row, where readers for ever and guests stand apart', () => {
    const until = '2026-12-31T00:00:00.000Z';
    const events = [submitted('ada'), granted(), granted({ permissionId: 'p2', principalId: 'eve', expiresAt: until })];
    const row = events.reduce<ReturnType<typeof foldRow<never, (typeof documentAclRows)['columns']>>>(
      (before, event) => foldRow(documentAclRows, recorded(event, { stream: 'documents-t1.x' }), before),
      undefined,
    );
    expect(row).toMatchObject({ readers: ['user:ada', 'user:bob'], guests: [{ who: 'user:eve', until }] });
    expect(row === undefined ? [] : grantsOf(row).map(({ permissionId }) => permissionId)).toEqual([id, 'p1', 'p2']);
  });

  it.each([
    ['read', ['read', 'write', 'delete', 'reindex', 'owner']],
    ['write', ['write', 'delete', 'owner']],
    ['delete', ['delete', 'owner']],
    ['reindex', ['reindex', 'owner']],
  ] as const)('let somebody %s by any of %j, and by no other', (action, enough) => {
    const ada = { subjectId: 'ada', role: 'reader', apiKeyId: undefined, groups: [] };
    for (const permission of ['read', 'write', 'delete', 'reindex', 'owner'] as const) {
      const grant: Grant = { ...asked, principalId: 'ada', permission, grantedBy: null };
      const found = grantFor([grant], action, ada, '2026-01-01T00:00:00.000Z') !== undefined;
      expect([permission, found]).toEqual([permission, (enough as readonly string[]).includes(permission)]);
    }
  });

  it('of a shared document are those of the roles', () => {
    const state = documentAcl.evolve(documentAcl.initial, submitted(null, true));
    expect(
      state.status === 'present' ? state.grants.map(({ principalId, permission }) => [principalId, permission]) : [],
    ).toEqual([
      ['reader', 'read'],
      ['editor', 'owner'],
      ['admin', 'owner'],
    ]);
  });
});
