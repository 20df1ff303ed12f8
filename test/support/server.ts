import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CompiledEndpoint } from '#api/http/policy.js';
import { apiKeyRows } from '#domain/capabilities/api-keys/api-keys.projection.js';
import type { PlanId } from '#domain/capabilities/plans/catalogue.decider.js';
import { createKey, firstPlan } from '#cli/operations/keys.js';
import { startServer, type RunningServer } from '#cli/server.js';
import { loadConfig } from '#infra/config/config.js';
import type { StoredEvent } from '#infra/event-log/event-log.js';
import type { Platform } from '#infra/platform/platform.js';
import { createLogger } from '#infra/telemetry/logger.js';
import { TestAnswerer } from './answerers.js';
import { TestClient } from './client.js';
import { fillEmbeddedFolder, openTestDatabase, testEngine, type TestDatabase } from './database.js';
import { testLogEnv } from './event-log.js';
import { until } from './until.js';

/** A tenant of its own with a key of each role. */
export interface TestTenant {
  readonly tenantId: string;
  readonly admin: TestClient;
  readonly editor: TestClient;
  readonly reader: TestClient;
}

export interface TestServer {
  readonly url: string;
  readonly platform: Platform;
  /** What it serves, with the declared policies. */
  readonly endpoints: readonly CompiledEndpoint[];
  readonly answerer: TestAnswerer;
  /** The lines of the server's log so far. */
  readonly lines: readonly string[];
  /** Calls as nobody. */
  readonly anonymous: TestClient;
  /** Calls as the operator of the machine, for one tenant. */
  operator(tenantId: string): TestClient;
  /** On the enterprise plan unless told otherwise. */
  tenant(options?: NewTenant): Promise<TestTenant>;
  stop(): Promise<void>;
}

let tenants = 0;

export interface NewTenant {
  /** `none`: no plan is assigned, so that the default one is in force. */
  readonly plan?: PlanId | 'none';
}

/** A tenant that no other test has. */
export async function newTenant(
  platform: Platform,
  url: string,
  { plan = 'enterprise' }: NewTenant = {},
): Promise<TestTenant> {
  tenants += 1;
  const tenantId = `tenant_${tenants}_${randomBytes(4).toString('hex')}`;
  // Before the keys: a process that knows them knows the plan.
  if (plan !== 'none') await firstPlan(platform, tenantId, plan);
  const client = async (role: 'admin' | 'editor' | 'reader'): Promise<TestClient> => {
    const { key_id, api_key } = await createKey(platform, { tenantId, role, name: role });
    await shownKey(platform, tenantId, key_id);
    return new TestClient(url, api_key);
  };
  return { tenantId, admin: await client('admin'), editor: await client('editor'), reader: await client('reader') };
}

/** Waits until the read model shows a key that was made behind the API's back. */
export async function shownKey(platform: Platform, tenantId: string, keyId: string): Promise<void> {
  const keys = platform.readModels.for(apiKeyRows);
  await until('the key is listed', async () => (await keys.find(tenantId, keyId)) !== undefined);
}

async function engineEnv(): Promise<{ env: Record<string, string>; database: TestDatabase | undefined }> {
  if (testEngine === 'pglite') return { env: {}, database: undefined };
  const database = await openTestDatabase();
  const redis = process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
  return { env: { DATABASE_URL: database.url ?? '', REDIS_URL: redis, ...(await testLogEnv(database)) }, database };
}

/** A whole server of both roles in this process, on a fresh database of this run's engine. */
export async function openTestServer(env: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'nexusrag-server-'));
  const engine = await engineEnv();
  if (engine.database === undefined) await fillEmbeddedFolder(join(folder, 'pg'));
  const lines: string[] = [];
  const settings = {
    PORT: '0',
    DATA_DIR: folder,
    SHUTDOWN_GRACE_MS: '200',
    // Every test calls from one address.
    AUTH_FAILURE_BURST: '1000000',
    // As clients of one tenant, tests would be the first to be limited.
    RATE_LIMIT_ENABLED: 'false',
    // A tenant's three keys are of three people; specs of permissions say otherwise.
    AUTHZ_SHARE_NEW_DOCUMENTS: 'true',
    // Stores are stand-ins here; specs of the list of them say otherwise.
    EXTERNAL_STORES_ALLOWED: '*=*',
    ...engine.env,
    ...env,
  };
  const config = loadConfig({ env: settings, readFile: () => undefined });
  const answerer = new TestAnswerer();
  const logger = createLogger({ level: 'info', destination: { write: (line) => lines.push(line) } });
  // A test that configures models wants them to answer.
  const own = env['LLM_PROVIDER'] === undefined ? { answerer } : {};
  const options = { config, roles: ['api', 'projector'], logger, version: '0.0.0-test', ...own } as const;
  const running: RunningServer = await startServer(options);
  const { platform, operatorToken, endpoints, url = '' } = running;
  return {
    url,
    platform,
    endpoints,
    answerer,
    lines,
    anonymous: new TestClient(url, undefined),
    operator: (tenantId) => new OperatorClient(url, operatorToken, tenantId),
    tenant: (options) => newTenant(platform, url, options),
    stop: async () => {
      await running.stop();
      await engine.database?.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

class OperatorClient extends TestClient {
  constructor(
    url: string,
    token: string,
    private readonly tenantId: string,
  ) {
    super(url, token);
  }

  override call(...[method, path, body, headers]: Parameters<TestClient['call']>) {
    return super.call(method, path, body, { 'x-tenant-id': this.tenantId, ...headers });
  }
}

/** The events of a stream, from its first. */
export async function eventsOf(platform: Platform, stream: string): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for await (const event of platform.log.readStream(stream)) events.push(event);
  return events;
}

/** Creates a corpus, and gives its id. */
export async function aCorpus({ editor }: Pick<TestTenant, 'editor'>, id = 'c1'): Promise<string> {
  const created = await editor.post('/v1/corpora', { id, name: id });
  if (created.status !== 201) throw new Error(`the corpus was refused: ${created.text}`);
  return id;
}

/** Waits until a document's ingestion has ended, and gives the document. */
export async function ingested(client: TestClient, documentId: string): Promise<Record<string, unknown>> {
  let document: Record<string, unknown> = {};
  await until(`the document ${documentId} is ingested`, async () => {
    const { data, status } = await client.get(`/v1/documents/${encodeURIComponent(documentId)}`);
    if (status !== 200) return false;
    document = data as Record<string, unknown>;
    return document['status'] === 'succeeded' || document['status'] === 'failed';
  });
  return document;
}

/** Ingests a text, waits for it, and gives the document's id. */
export async function aDocument(tenant: TestTenant, text: string, more: object = {}): Promise<string> {
  const accepted = await tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', text, ...more });
  if (accepted.status !== 202) throw new Error(`the document was refused: ${accepted.text}`);
  const { document_id: id } = accepted.data as { document_id: string };
  const document = await ingested(tenant.reader, id);
  if (document['status'] !== 'succeeded') throw new Error(`the document failed: ${JSON.stringify(document)}`);
  return id;
}
