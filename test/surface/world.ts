import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Role } from '#domain/capabilities/api-keys/api-keys.events.js';
import { createKey } from '#cli/operations/keys.js';
import { shownKey, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { TestClient } from '#test/support/client.js';
import { operationsOf, type ApiDocument, type Operation } from './operations.js';
import { form, FORM_HEADER, JSON_HEADER, type Draft, type FormFile } from './request.js';
import { Oracle } from './oracle.js';
import { RawConnection } from './raw-http.js';
import { sampleOf } from './samples.js';
import { inputs, METRICS_TOKEN } from './inputs.js';
import { Things } from './things.js';

/** Whose credential a request carries. */
export type Credential = Pick<TestClient, 'key'> & { readonly headers?: readonly (readonly [string, string])[] };

/** A request in parts, so that one of them can be made wrong. */
export interface Request {
  readonly operation: Operation;
  readonly credential: Credential | undefined;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** The file of a form; a text when absent. */
  readonly file?: FormFile | undefined;
  /** JSON, or the fields of a form; undefined: no body. */
  readonly body: unknown;
  readonly headers: readonly (readonly [string, string])[];
  /** Without /v1. */
  readonly legacy?: boolean;
}

/** Each request comes from an address of its own, so that no limit of one address is met by accident. */
let address = 0;
export function newAddress(): string {
  address += 1;
  return `10.${(address >> 16) & 255}.${(address >> 8) & 255}.${address & 255}`;
}

function targetOf({ operation, params, query, legacy = false }: Request): string {
  const path = operation.url.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const text = new URLSearchParams(query).toString();
  return `${legacy ? path.slice('/v1'.length) : path}${text === '' ? '' : `?${text}`}`;
}

/** A request as it will be sent. */
export function draftOf(request: Request): Draft {
  const { operation, credential, body, headers, file } = request;
  const multipart = operation.form !== undefined;
  const sent: [string, string][] = [['x-forwarded-for', newAddress()]];
  if (credential?.key !== undefined) sent.push(['authorization', `Bearer ${credential.key}`]);
  for (const [name, value] of credential?.headers ?? []) sent.push([name, value]);
  if (body !== undefined) sent.push([...(multipart ? FORM_HEADER : JSON_HEADER)]);
  for (const [name, value] of headers) sent.push([name, value]);
  const bytes =
    body === undefined
      ? undefined
      : multipart
        ? form(body as Record<string, unknown>, file)
        : Buffer.from(JSON.stringify(body));
  return { method: operation.verb, target: targetOf(request), headers: sent, body: bytes };
}

async function aTenant({ platform, url }: TestServer, tenantId: string): Promise<TestTenant> {
  const client = async (role: Role): Promise<TestClient> =>
    new TestClient(url, (await createKey(platform, { tenantId, role, name: role })).api_key);
  return { tenantId, admin: await client('admin'), editor: await client('editor'), reader: await client('reader') };
}

/** Under these settings no limit is met by accident. */
const unlimited = {
  TRUSTED_PROXIES: '127.0.0.1',
  RUN_MAX_CONCURRENCY: '1000',
  SELF_SERVE_MAX_ACTIVE_KEYS: '1000',
  BILLING_WEBHOOK_ENABLED: 'true',
  EXT_RETRY_MAX_ATTEMPTS: '1',
  RATE_LIMIT_ENABLED: 'true',
  ...Object.fromEntries(
    ['KEY', 'TENANT'].flatMap((scope) =>
      ['RUN', 'MUTATION', 'READ', 'OPS'].flatMap((rateClass) =>
        ['RPS', 'BURST'].map((what) => [`RL_${scope}_${rateClass}_${what}`, '1000000']),
      ),
    ),
  ),
};

/** Takes what is delivered to it, so that deliveries are no faults. */
async function aReceiver(): Promise<Server> {
  const receiver = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(204).end());
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  return receiver;
}

/** A server with everything that it declares, and tenants whose requests are valid. */
export class World {
  private constructor(
    readonly server: TestServer,
    readonly operations: readonly Operation[],
    /** The tenant whose admins may change what concerns all tenants. */
    readonly operators: Things,
    readonly oracle: Oracle,
    private readonly receiver: Server,
  ) {}

  /** Starts a server; `env` over settings under which no limit is met by accident. */
  static async open(env: Readonly<Record<string, string>> = {}): Promise<World> {
    const secrets = {
      METRICS_TOKEN,
      BILLING_WEBHOOK_SECRET: randomBytes(16).toString('hex'),
      CRYPTO_LOCAL_MASTER_KEY: randomBytes(32).toString('hex'),
      LEDGER_SIGNING_KEY: randomBytes(32).toString('hex'),
    };
    const receiver = await aReceiver();
    const hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    const settings = {
      ...unlimited,
      ...secrets,
      TTS_PROVIDER: 'fake',
      STT_PROVIDER: 'fake',
      BILLING_WEBHOOK_URL: hook,
      ...env,
    };
    const operatorTenant = `operators_${randomBytes(4).toString('hex')}`;
    const server = await openTestServer({ ...settings, OPERATOR_TENANT_ID: operatorTenant });
    const answer = await server.anonymous.get('/v1/openapi.json');
    const document = answer.body as ApiDocument & ConstructorParameters<typeof Oracle>[0];
    const operators = new Things(await aTenant(server, operatorTenant), server);
    const world = new World(
      server,
      operationsOf(server.endpoints, document),
      operators,
      new Oracle(document),
      receiver,
    );
    for (const secret of [...Object.values(secrets), server.operator('').key ?? '']) world.oracle.secrets.add(secret);
    await world.furnish(operators);
    return world;
  }

  async close(): Promise<void> {
    await this.server.stop();
    this.receiver.closeAllConnections();
    this.receiver.close();
  }

  /** A tenant of its own with a corpus `c1` and every feature. */
  async tenant(): Promise<Things> {
    const things = new Things(await this.server.tenant(), this.server);
    await this.furnish(things);
    return things;
  }

  private async furnish({ tenant }: Things): Promise<void> {
    for (const { key } of [tenant.admin, tenant.editor, tenant.reader]) this.oracle.secrets.add(key ?? '');
    const created = await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'One' });
    if (created.status !== 201) throw new Error(`the corpus was refused: ${created.text}`);
    const plans = /^PATCH \/v1\/admin\/plans\/:\w+$/;
    if (this.operations.some(({ title }) => plans.test(title)))
      await this.asOperator(plans, tenant.tenantId, { plan_id: 'enterprise' });
  }

  /** Changes what a tenant may, through the endpoint for it. Throws when there is none, or it refuses. */
  async asOperator(title: RegExp, tenantId: string, body: object): Promise<void> {
    const operation = this.operations.find((each) => title.test(each.title));
    if (operation === undefined) throw new Error(`no endpoint is ${String(title)}`);
    const path = operation.url.replace(/:\w+/, tenantId);
    const { status, text } = await this.operators.tenant.admin.call(operation.verb, path, body);
    if (status >= 300) throw new Error(`${operation.title} answered ${status} ${text}`);
  }

  /** A key that was in use until it was revoked. */
  async revokedKey({ tenant }: Things): Promise<Credential> {
    const { key_id, api_key } = await createKey(this.server.platform, { ...tenant, role: 'admin', name: 'revoked' });
    await shownKey(this.server.platform, tenant.tenantId, key_id);
    const used = await new TestClient(this.server.url, api_key).get('/v1/corpora');
    const operator = this.server.operator(tenant.tenantId);
    const { text } = await operator.post('/v1/operator/keys.revoke', { args: { key_id } });
    if (used.status !== 200 || !text.includes('event: end')) throw new Error(`the key was not revoked: ${text}`);
    return { key: api_key };
  }

  connection(): RawConnection {
    return new RawConnection(Number(new URL(this.server.url).port));
  }

  /** A request that has all that an operation asks for, of a tenant's own objects, by the tenant's admin. */
  async request(operation: Operation, of: Things, credential: Credential = of.tenant.admin): Promise<Request> {
    const ids = operation.pathParams.map(async (name) => [name, await of.idFor(operation, name)] as const);
    const params = Object.fromEntries(await Promise.all(ids));
    const given = await inputs(operation, of);
    const known = (field: string): unknown => given.fields[field];
    const asked = operation.query.filter(({ required, name }) => required || given.query?.[name] !== undefined);
    const query = Object.fromEntries(
      asked.map(({ name, schema }) => [name, String(given.query?.[name] ?? known(name) ?? sampleOf(schema, known))]),
    );
    const schema = operation.form ?? operation.body;
    const body = given.body ?? (schema === undefined ? undefined : sampleOf(schema, known));
    const by = given.by?.admin ?? credential;
    return { operation, credential: by, params, query, body, file: given.file, headers: given.headers ?? [] };
  }

  /** The same, by who may do what concerns all tenants, or what only the machine's operator may. */
  async credentials(of: Things): Promise<readonly Credential[]> {
    const machine = this.server.operator(of.tenant.tenantId);
    return [
      of.tenant.admin,
      this.operators.tenant.admin,
      { key: machine.key, headers: [['x-tenant-id', of.tenant.tenantId]] },
    ];
  }
}
