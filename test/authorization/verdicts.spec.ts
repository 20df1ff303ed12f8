import fc from 'fast-check';
import type { Facts } from '#domain/capabilities/authorization/condition-closures.ports.js';
import { ConditionProblem, parseCondition } from '#domain/capabilities/authorization/condition.ports.js';
import { grantFor, principalText, type Grant } from '#domain/capabilities/authorization/permissions.ports.js';
import { decide, PolicySet, type StoredPolicy } from '#domain/capabilities/authorization/policies.ports.js';
import { weightsOf } from '#domain/capabilities/authorization/policy-weight.ports.js';
import type { Json, JsonObject } from '#domain/kernel/schema.js';
import { readableDocuments, type DocumentReading } from '#infra/authorization/document-predicate.js';
import { policyQueryErrors } from '#infra/authorization/policies-sql.js';
import { Params } from '#infra/retrieval/retrieval-sql.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { conditions, objects } from './arbitrary.js';

const NOW = '2026-06-01T12:00:00.000Z';
const ROWS = 60;

interface Doc {
  readonly id: string;
  readonly labels: JsonObject;
  /** Null: nothing was said. */
  readonly metadata: JsonObject | null;
  /** Whether it is indexed as it was said to be; else how it is, where it is. */
  readonly indexed: boolean | Pick<Doc, 'labels' | 'metadata' | 'content_type'>;
  readonly corpus_id: string;
  readonly status: string;
  readonly content_type: string;
  readonly grants: readonly Grant[];
}

const grants: fc.Arbitrary<readonly Grant[]> = fc.array(
  fc.record({
    permissionId: fc.constant('p'),
    principalType: fc.constantFrom('user', 'role', 'group', 'api_key'),
    principalId: fc.constantFrom('ada', 'reader', 'cooks', 'key'),
    permission: fc.constantFrom('read', 'write', 'delete', 'reindex', 'owner'),
    grantedBy: fc.constant(null),
    expiresAt: fc.constantFrom(null, '2026-05-31T00:00:00.000Z', NOW, '2026-06-02T00:00:00.000Z'),
  }),
  { maxLength: 2 },
);
const documents: readonly Doc[] = fc
  .sample(
    fc.record({
      labels: objects,
      metadata: fc.option(objects),
      indexed: fc.oneof(
        fc.boolean(),
        fc.record({ labels: objects, metadata: fc.option(objects), content_type: fc.constantFrom('text/plain', 'b') }),
      ),
      corpus_id: fc.constantFrom('c1', 'c2', ''),
      status: fc.constantFrom('queued', 'succeeded'),
      content_type: fc.constantFrom('text/plain', 'a'),
      grants,
    }),
    { numRuns: ROWS, seed: 20_261_127 },
  )
  .map((doc, at) => ({ id: `doc-${at}`, ...doc }));
const contentIdOf = (id: string): string => `00000000-0000-0000-0000-${id.slice(4).padStart(12, '0')}`;

let test: TestDatabase;

beforeAll(async () => {
  test = await openTestDatabase();
  await test.database.query(`create table public.docs (id text, tenant_id text, document_id text, corpus_id text,
    status text, content_type text, labels jsonb, index_version text, metadata_content_id text,
    indexed_labels jsonb, indexed_content_type text)`);
  await test.database.query(
    'create table public.acls (id text, tenant_id text, readers text[], guests jsonb, primary key (tenant_id, id))',
  );
  await test.database.query(`insert into retrieval.scope (tenant_id, corpus_id) values ('t', 'c')`);
  for (const doc of documents) await insert(doc);
});
afterAll(() => test.drop());

async function insert(doc: Doc): Promise<void> {
  const { id, labels, metadata, indexed, corpus_id, status, content_type, grants: given } = doc;
  const { database } = test;
  const other = typeof indexed === 'boolean' ? undefined : indexed;
  await database.query(
    `insert into public.docs values ($1, 't', $1, $2, $3, $4, $5::text::jsonb, $6, $7, $8::text::jsonb, $9)`,
    [
      ...[id, corpus_id, status, content_type, JSON.stringify(labels), indexed === false ? null : 'v'],
      metadata === null ? null : contentIdOf(id),
      ...[other === undefined ? null : JSON.stringify(other.labels), other?.content_type ?? null],
    ],
  );
  if (metadata !== null) await describeAs(contentIdOf(id), metadata);
  if (indexed !== false)
    await database.query(
      `insert into retrieval.version (tenant_id, document_id, version_id, scope_no, chunk_count, term_count, metadata)
       select 't', $1, 'v', scope_no, 0, 0, $2::text::jsonb from retrieval.scope`,
      [id, JSON.stringify((other ?? doc).metadata ?? {})],
    );
  const nameOf = ({ principalType, principalId }: Grant): string => principalText(principalType, principalId);
  const readers = given.filter(({ expiresAt }) => expiresAt === null).map(nameOf);
  const guests = given.flatMap((each) =>
    each.expiresAt === null ? [] : [{ who: nameOf(each), until: each.expiresAt }],
  );
  await database.query(`insert into public.acls values ($1, 't', $2::text[], $3::text::jsonb)`, [
    ...[id, readers, guests.length === 0 ? null : JSON.stringify(guests)],
  ]);
}

async function describeAs(contentId: string, metadata: JsonObject): Promise<void> {
  await test.database.query(
    `insert into content.blob (tenant_id, id, kind, subject_kind, subject_id, key_id, sealed, size, sha256)
     values ('t', $1, 'document-metadata', 'document', 'd', $1, '', 0, '')`,
    [contentId],
  );
  await test.database.query(`insert into content.description values ('t', $1, $2::text::jsonb)`, [
    contentId,
    JSON.stringify(metadata),
  ]);
}

const facts: Facts = {
  principal: { id: 'ada', tenant_id: 't', role: 'reader', groups: ['cooks', 'a'] },
  request: { time: NOW },
};
const ada = { subjectId: 'ada', role: 'reader', apiKeyId: 'key', groups: ['cooks'] };

const anybody: DocumentReading = {
  grantee: undefined,
  policies: undefined,
  facts,
  defaultDeny: true,
  now: NOW,
  acls: 'public.acls',
};

async function bySql(reading: Partial<DocumentReading>): Promise<string[]> {
  const params = new Params();
  const predicate = readableDocuments({ ...anybody, ...reading });
  const sql = predicate('d', params.next);
  const rows = await test.database.query<{ id: string; verdict: boolean | null }>(
    `select d.id, (${sql}) as verdict from public.docs d order by d.id`,
    params.values,
  );
  expect(rows.filter(({ verdict }) => verdict === null)).toEqual([]);
  return rows.filter(({ verdict }) => verdict === true).map(({ id }) => id);
}

function inMemory(set: PolicySet, defaultDeny: boolean, permitted: (doc: Doc) => boolean = () => true): string[] {
  const allowed = documents.filter((doc) => {
    const { id, corpus_id, status, content_type, labels, metadata, indexed } = doc;
    const said = { id, tenant_id: 't', corpus_id, status, content_type, labels, metadata };
    const all =
      typeof indexed === 'boolean' ? [said] : [said, { ...said, ...indexed, metadata: indexed.metadata ?? {} }];
    const allows = (resource: JsonObject): boolean =>
      decide(set.of('document.read'), { ...facts, resource }, defaultDeny).allowed;
    return permitted(doc) && all.every(allows);
  });
  return allowed.map(({ id }) => id).sort();
}

const saved = conditions.filter(
  (json) => !(parseCondition(json, { maxBytes: 16_384, maxDepth: 12 }) instanceof ConditionProblem),
);
const policyOf = (condition: Json, effect: string, at = 0): StoredPolicy => ({
  policyId: `p${at}`,
  effect,
  resourceType: 'document',
  action: 'read',
  condition,
  priority: at,
  enabled: true,
});

describe('the verdict in the query', () => {
  it('is that in memory, for any condition on any document', async () => {
    await fc.assert(
      fc.asyncProperty(
        saved,
        fc.constantFrom('allow', 'deny'),
        fc.boolean(),
        async (condition, effect, defaultDeny) => {
          const set = new PolicySet([policyOf(condition, effect)]);
          const policies = set.of('document.read');
          expect(await bySql({ policies, defaultDeny })).toEqual(inMemory(set, defaultDeny));
        },
      ),
      { numRuns: 400 },
    );
  });

  it('is that in memory, for any set of policies and any permissions, also of policies that nobody understands', async () => {
    const stored = fc.array(fc.tuple(fc.oneof(saved, conditions), fc.constantFrom('allow', 'deny')), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(stored, fc.boolean(), async (list, defaultDeny) => {
        const set = new PolicySet(list.map(([condition, effect], at) => policyOf(condition, effect, at)));
        const policies = set.of('document.read');
        const permitted = (doc: Doc): boolean => grantFor(doc.grants, 'read', ada, NOW) !== undefined;
        expect(await bySql({ policies, defaultDeny, grantee: ada })).toEqual(inMemory(set, defaultDeny, permitted));
      }),
      { numRuns: 150 },
    );
  });

  it('is no larger, in values and in text, than a policy is weighed when it is saved', () => {
    fc.assert(
      fc.property(saved, fc.constantFrom('allow', 'deny'), (condition, effect) => {
        const policy = policyOf(condition, effect);
        const weight = weightsOf([policy]).get('document.read') ?? 0;
        const params = new Params();
        const policies = new PolicySet([policy]).of('document.read');
        const sql = readableDocuments({ ...anybody, policies })('d', params.next);
        expect(params.values.length).toBeLessThanOrEqual(weight);
        expect(sql.length).toBeLessThanOrEqual(120 * weight + 120);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is refused under rules that no statement could hold, and never an empty list', async () => {
    const many = Array.from({ length: 70 }, (_, at) =>
      policyOf(
        { any: Array.from({ length: 300 }, (__, n) => ({ eq: [{ var: 'resource.labels.a' }, n] })) },
        'allow',
        at,
      ),
    );
    const policies = new PolicySet(many).of('document.read');
    await expect(bySql({ policies })).rejects.toMatchObject({ row: policyQueryErrors.tooLarge });
    expect(await bySql({ policies: new PolicySet([policyOf({}, 'allow')]).of('document.read') })).toHaveLength(ROWS);
  });
});
