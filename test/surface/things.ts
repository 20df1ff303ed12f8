import { randomBytes } from 'node:crypto';
import { createKey } from '#cli/operations/keys.js';
import { aDocument, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';
import type { Operation } from './operations.js';

/** `kept` gives the thing of another name that reads of the tenant name, where one hangs on the other. */
type Make = (tenant: TestTenant, server: TestServer, kept: (name: string) => Promise<string>) => Promise<string>;

const unique = (): string => randomBytes(6).toString('hex');

async function aCorpusOf({ editor }: TestTenant): Promise<string> {
  const id = `corpus-${unique()}`;
  const created = await editor.post('/v1/corpora', { id, name: 'A corpus' });
  if (created.status !== 201) throw new Error(`the corpus was refused: ${created.text}`);
  return id;
}

async function newestEvent({ admin }: TestTenant): Promise<string> {
  const { text, data } = await admin.get('/v1/audit/events?limit=1&outcome=success&resource_type=corpus');
  const [event] = (data as { items?: { id: string }[] } | undefined)?.items ?? [];
  if (event === undefined) throw new Error(`there is no audit event: ${text}`);
  const proof = `/v1/audit/events/${event.id}/proof`;
  await until('the event is sealed', async () => (await admin.get(proof)).status === 200);
  return event.id;
}

async function aKeyOf({ tenantId, admin }: TestTenant, { platform }: TestServer): Promise<string> {
  const { key_id } = await createKey(platform, { tenantId, role: 'reader', name: 'a-key' });
  const path = `/v1/admin/api-keys/${key_id}`;
  await until('the key is listed', async () => (await admin.get(path)).status === 200);
  return key_id;
}

/** A feature that an override names for the tenant. */
async function anOverride({ tenantId }: TestTenant, server: TestServer): Promise<string> {
  const body = { feature_key: 'feature.tts', enabled: true };
  const { status, text } = await server.operator(tenantId).patch(`/v1/admin/plans/${tenantId}/overrides`, body);
  if (status !== 200) throw new Error(`the override was refused: ${text}`);
  return body.feature_key;
}

/** The query of the signed address of each audio that was made here. */
const signedQueries = new Map<string, Readonly<Record<string, string>>>();

async function anAudio(tenant: TestTenant): Promise<string> {
  const asked = { session_id: 'spoken', corpus_id: 'c1', message: 'What boils water?', audio: true };
  const { frames, text } = await tenant.reader.ask(asked);
  const ready = frames.find(({ type }) => type === 'audio.ready')?.data;
  if (ready === undefined) throw new Error(`nothing was spoken: ${text}`);
  const id = String(ready['audio_id']);
  signedQueries.set(id, Object.fromEntries(new URL(String(ready['audio_url'])).searchParams));
  return id;
}

export function signedQueryOf(audioId: string): Readonly<Record<string, string>> {
  return signedQueries.get(audioId) ?? {};
}

async function aKeyOfRing({ admin }: TestTenant): Promise<string> {
  const rotated = await admin.post('/v1/admin/keyring/rotate?purpose=signing');
  const { key } = (rotated.data ?? {}) as { key?: { key_id: string } };
  if (key === undefined) throw new Error(`the key was refused: ${rotated.text}`);
  return key.key_id;
}

async function anAction(tenant: TestTenant): Promise<string> {
  const document_id = await aDocument(tenant, 'A kettle boils water for tea.');
  const asked = await tenant.editor.post('/v1/ui/actions/reindex-document', { document_id });
  const { action_id: id } = (asked.data ?? {}) as { action_id?: string };
  if (id === undefined) throw new Error(`the action was refused: ${asked.text}`);
  return id;
}

/** A run of the tenant's reader in a conversation of its own, as the log of a read model shows it. */
async function aRunOf({
  reader,
  editor,
  admin,
}: TestTenant): Promise<{ readonly run: string; readonly session: string }> {
  await editor.post('/v1/corpora', { id: 'c1', name: 'c1' });
  const name = `session-${unique()}`;
  const { frames, text } = await reader.ask({ session_id: name, corpus_id: 'c1', message: 'What boils water?' });
  const run = frames[0]?.id.split(':')[0];
  if (run === undefined) throw new Error(`the question was refused: ${text}`);
  const shown = async (): Promise<{ readonly id: string; readonly session_id: string } | undefined> => {
    const { data } = await admin.get('/v1/sessions?limit=5');
    return ((data ?? []) as { id: string; session_id: string }[]).find(({ session_id }) => session_id === name);
  };
  await until('the session is listed', async () => (await shown()) !== undefined);
  return { run, session: (await shown())?.id ?? '' };
}

/** A run of which the tenant's admin has said something. */
async function aRatedRun(tenant: TestTenant): Promise<string> {
  const { run } = await aRunOf(tenant);
  const rate = () => tenant.admin.post(`/v1/runs/${run}/feedback`, { rating: 'down' });
  await until('the run can be rated', async () => (await rate()).status === 200);
  return run;
}

async function aChunkOf({ reader }: TestTenant, documentId: string): Promise<string> {
  const { data, text } = await reader.get(`/v1/documents/${documentId}/chunks`);
  const [chunk] = (data ?? []) as { id: string }[];
  if (chunk === undefined) throw new Error(`the document has no chunk: ${text}`);
  return chunk.id;
}

async function aPolicy({ admin }: TestTenant): Promise<string> {
  const body = { name: 'A policy', effect: 'allow', resource_type: 'document', action: 'read' };
  const { data, text } = await admin.post('/v1/admin/authz/policies', body);
  const { id } = (data ?? {}) as { id?: string };
  if (id === undefined) throw new Error(`the policy was refused: ${text}`);
  return id;
}

async function aPermissionOn({ admin }: TestTenant, documentId: string): Promise<string> {
  const grant = { principal_type: 'user', principal_id: unique(), permission: 'read' };
  const { data, text } = await admin.post(`/v1/admin/authz/documents/${documentId}/permissions`, grant);
  const { id } = (data ?? {}) as { id?: string };
  if (id === undefined) throw new Error(`the permission was refused: ${text}`);
  return id;
}

async function aRun(tenant: TestTenant): Promise<string> {
  await aDocument(tenant, 'A kettle boils water for tea.');
  const { frames } = await tenant.reader.ask({ session_id: unique(), corpus_id: 'c1', message: 'What boils water?' });
  return frames[0]?.id.split(':')[0] ?? '';
}

/** How a real object is made for a parameter of a path, by its name, or by the segment before it and its name. */
const makers: Readonly<Record<string, Make>> = {
  actionId: anAction,
  audioId: anAudio,
  chunkId: async (tenant, _, kept) => aChunkOf(tenant, await kept('documentId')),
  sessionId: async (tenant) => (await aRunOf(tenant)).session,
  'runs/runId': async (tenant) => aRatedRun(tenant),
  corpusId: aCorpusOf,
  model: aCorpusOf,
  documentId: (tenant) => aDocument(tenant, 'A kettle boils water for tea.'),
  eventId: newestEvent,
  permissionId: async (tenant, _, kept) => aPermissionOn(tenant, await kept('documentId')),
  policyId: aPolicy,
  featureKey: anOverride,
  'api-keys/keyId': aKeyOf,
  'keyring/keyId': aKeyOfRing,
  'keys/keyId': aKeyOfRing,
  runId: aRun,
  tenantId: ({ tenantId }) => Promise.resolve(tenantId),
  tenant_id: ({ tenantId }) => Promise.resolve(tenantId),
  'assets/name': () => Promise.resolve('start.js'),
  'operator/operation': () => Promise.resolve('keys.list'),
};

/** The operations after which an object can not be used again. */
const consumes = (operation: Operation): boolean => operation.verb !== 'GET';

/** The real objects of one tenant that requests name: made once for reads, anew for each mutation. */
export class Things {
  private readonly kept = new Map<string, Promise<string>>();

  constructor(
    readonly tenant: TestTenant,
    private readonly server: TestServer,
  ) {}

  /** A tenant that begins, on the plan that tenants begin with. */
  async newcomer(): Promise<TestTenant> {
    const tenant = await this.server.tenant();
    const path = `/v1/admin/plans/${tenant.tenantId}`;
    const { status, text } = await this.server.operator(tenant.tenantId).patch(path, { plan_id: 'free' });
    if (status !== 200) throw new Error(`the plan was refused: ${text}`);
    return tenant;
  }

  /** The id of a real object for a parameter of an operation's path. Throws when nobody said how to make one. */
  idFor(operation: Operation, param: string): Promise<string> {
    // What only goes with a document goes with the one that is kept.
    if (param === 'documentId' && operation.pathParams.includes('permissionId')) return this.keep(param);
    const segments = operation.url.split('/');
    const before = segments[segments.findIndex((segment) => segment.startsWith(`:${param}`)) - 1] ?? '';
    const name = [`${before}/${param}`, param].find((each) => Object.hasOwn(makers, each));
    const make = name === undefined ? undefined : makers[name];
    if (name === undefined || make === undefined)
      throw new Error(`${operation.title}: say in test/surface/things.ts how a real ${before}/${param} is made`);
    if (consumes(operation)) return make(this.tenant, this.server, (other) => this.keep(other));
    return this.keep(name);
  }

  private keep(name: string): Promise<string> {
    const kept = this.kept.get(name) ?? makers[name]?.(this.tenant, this.server, (other) => this.keep(other));
    if (kept === undefined) throw new Error(`nobody makes a ${name}`);
    this.kept.set(name, kept);
    return kept;
  }
}
