import { randomUUID } from 'node:crypto';
import { createKey } from '#cli/operations/keys.js';
import { TestClient } from './client.js';
import { ingested, shownKey, type TestServer, type TestTenant } from './server.js';

/** Settings of a server on which a new document belongs to who brought it in, as it is by default. */
export const strict = { AUTHZ_SHARE_NEW_DOCUMENTS: 'false' };

export const POLICIES = '/v1/admin/authz/policies';
export const permissionsOf = (id: string): string => `/v1/admin/authz/documents/${id}/permissions`;
export const question = { session_id: 's1', corpus_id: 'c1', message: 'Which kettle is vermilion?' };

const deniedBy = (message: string) => ({ status: 403, code: 'AUTHZ_DENIED', body: { error: { message } } });
export const byPolicy = deniedBy('Access denied by policy');
export const byPermission = deniedBy('Document permission required');

/** A policy or a permission, as it is shown. */
export interface Row {
  readonly id: string;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly [field: string]: unknown;
}

/** Ingests a text by the editor, who alone may see it. */
export async function aSecret({ editor }: TestTenant, text: string, more: object = {}): Promise<string> {
  const accepted = await editor.post('/v1/documents/text', { corpus_id: 'c1', text, ...more });
  const { document_id: id } = accepted.data as { document_id: string };
  expect((await ingested(editor, id))['status']).toBe('succeeded');
  return id;
}

/** Gives a permission on a document, by the admin. */
export async function given({ admin }: TestTenant, id: string, grant: object): Promise<Row> {
  const answer = await admin.post(permissionsOf(id), grant);
  expect(answer.status).toBe(201);
  return answer.data as Row;
}

/** A policy that denies to read documents, but for what is said. */
export const policy = (over: object = {}) => ({
  name: 'A policy',
  effect: 'deny',
  resource_type: 'document',
  action: 'read',
  ...over,
});

export async function aPolicy({ admin }: TestTenant, over: object = {}): Promise<Row> {
  const answer = await admin.post(POLICIES, policy(over));
  expect(answer).toMatchObject({ status: 201 });
  return answer.data as Row;
}

/** The ids of the documents in each list. */
export const listed = async (by: TestClient): Promise<string[]> =>
  ((await by.get('/v1/documents')).data as { id: string }[]).map(({ id }) => id);
export const shownInUi = async (by: TestClient): Promise<string[]> =>
  ((await by.get('/v1/ui/documents')).data as { items: { id: string }[] }).items.map(({ id }) => id);

/** All that the question is answered with. */
export const cited = async (by: TestClient): Promise<string> => (await by.ask(question)).text;

export interface Identity {
  readonly userId: string;
  readonly keyId: string;
  readonly client: TestClient;
}

/** Somebody else of the tenant. */
export async function aPerson(
  { platform, url }: TestServer,
  tenantId: string,
  role: 'reader' | 'editor',
): Promise<Identity> {
  const userId = randomUUID();
  const made = await createKey(platform, { tenantId, role, name: null, userId });
  await shownKey(platform, tenantId, made.key_id);
  return { userId, keyId: made.key_id, client: new TestClient(url, made.api_key) };
}

interface AuditRow {
  readonly metadata_json: object;
  readonly outcome: string;
}

/** What is on record of a tenant under one type. */
export async function audited({ admin }: TestTenant, type: string): Promise<readonly AuditRow[]> {
  const { data } = await admin.get(`/v1/audit/events?event_type=${type}`);
  return (data as { items: AuditRow[] }).items;
}
