import { randomUUID } from 'node:crypto';
import { mayActAs, roles } from '#api/http/principal.js';
import type { Operation } from '#test/surface/operations.js';
import { codeOf } from '#test/surface/oracle.js';
import { Probe } from '#test/surface/probe.js';
import type { RawAnswer } from '#test/surface/raw-http.js';
import { JSON_HEADER } from '#test/surface/request.js';
import type { Things } from '#test/surface/things.js';
import { draftOf, World, type Credential, type Request } from '#test/surface/world.js';
import { CANARY, wrongBodies, wrongQueries } from '#test/surface/wrong.js';

/**
 * Every endpoint that a server declares, driven through each of its gates. Nothing here names an endpoint: a new one is covered
 * as soon as it is declared, and fails until a valid request of it can be made.
 */
const world = await World.open();
const probe = new Probe(world);
const tenant = await world.tenant();
const other = await world.tenant();
const revoked = await world.revokedKey(tenant);
const { operations } = world;

afterAll(async () => {
  probe.close();
  await world.close();
});

const guarded = operations.filter(({ policy }) => policy.role !== 'public');
const counted = guarded.filter(({ policy }) => policy.rate !== 'none');
const table = (some: readonly Operation[]) => some.map((operation) => [operation.title, operation] as const);
const told = (answer: RawAnswer) => [answer.status, codeOf(answer)];

/** A request whose ids name nothing: for gates that stand before anything is looked up. */
const unreal = (operation: Operation, credential: Credential | undefined): Request => ({
  operation,
  credential,
  params: Object.fromEntries(operation.pathParams.map((name) => [name, 'nothing'])),
  query: {},
  body: operation.verb === 'GET' || operation.verb === 'DELETE' ? undefined : {},
  headers: [],
});

describe('every endpoint', () => {
  it.each(table(operations))('%s answers a valid request as it declares, with its request id', async (_, operation) => {
    const { answer } = await probe.valid(operation, tenant, { headers: [['x-request-id', 'mine:1']] });
    expect(answer.headers.get('x-request-id')).toBe('mine:1');
    const enveloped = operation.policy.bare !== true && operation.policy.stream !== true && answer.text !== '';
    if (!enveloped) return;
    expect(JSON.parse(answer.text)).toMatchObject({ meta: { request_id: 'mine:1', api_version: 'v1' } });
  });

  it.each(table(operations))('%s answers bare without /v1, and says when that ends', async (_, operation) => {
    if (operation.policy.legacy === false) {
      const request = { ...unreal(operation, tenant.tenant.admin), legacy: true };
      const answer = await probe.sendAnywhere(draftOf(request));
      if (answer.status === 307) expect(answer.headers.get('location')).toBe(operation.url);
      else expect(told(answer)).toEqual([404, 'NOT_FOUND']);
      return;
    }
    const { answer } = await probe.valid(operation, tenant, { legacy: true });
    expect(answer.headers.get('deprecation')).toBe('true');
    expect(answer.headers.get('sunset')).toBe('Sun, 10 May 2026 00:00:00 GMT');
    expect(answer.headers.get('link')).toContain('</v1/docs>; rel="successor-version"');
    expect(answer.text).not.toContain('"api_version"');
  });

  it.each([...new Set(operations.map(({ url }) => url))])(
    '%s answers 405 to other methods, and names its own',
    async (url) => {
      const path = url.replace(/:(\w+)/g, 'nothing');
      const here = operations.filter((each) => new RegExp(`^${each.url.replace(/:(\w+)/g, '[^/]+')}$`).test(path));
      const verbs = here.map(({ verb }) => verb).sort();
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE'].filter((each) => !verbs.includes(each))) {
        const answer = await probe.sendAnywhere({ method, target: path, headers: [], body: undefined });
        expect([method, ...told(answer)]).toEqual([method, 405, 'METHOD_NOT_ALLOWED']);
        expect(answer.headers.get('allow')).toBe([...new Set(verbs)].join(', '));
      }
    },
  );
});

describe('every endpoint that is not public', () => {
  it.each(table(guarded))('%s answers 401 to nobody, to garbage and to a revoked key', async (_, operation) => {
    const wrong: (Credential | undefined)[] = [
      undefined,
      { key: 'garbage' },
      { key: `nrgk_${'0'.repeat(32)}_${'x'.repeat(43)}` },
      { key: 'a b' },
      { key: undefined, headers: [['authorization', 'Basic YTpi']] },
      revoked,
    ];
    for (const credential of wrong) {
      const answer = await probe.ask(unreal(operation, credential));
      expect(answer.status).toBe(401);
      expect(codeOf(answer)).toBe(credential === revoked ? 'AUTH_REVOKED_KEY' : 'AUTH_UNAUTHORIZED');
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
  });

  it.each(table(guarded))('%s answers 403 to every lower role', async (_, operation) => {
    const { role } = operation.policy;
    for (const each of roles.filter((some) => role !== 'public' && !mayActAs(some, role)))
      expect(told(await probe.ask(unreal(operation, tenant.tenant[each])))).toEqual([403, 'AUTH_FORBIDDEN']);
  });

  it.each(table(guarded.filter(({ pathParams }) => pathParams.length > 0)))(
    '%s gives nothing of another tenant',
    async (_, operation) => {
      const request = await world.request(operation, other, tenant.tenant.admin);
      const answer = await probe.ask(request);
      const ofTenant = operation.pathParams.some((name) => /^tenant_?id$/i.test(name));
      const absent = operation.policy.errors === 'openai' ? 'model_not_found' : 'NOT_FOUND';
      const refusals = [[403, 'AUTH_FORBIDDEN'], ...(ofTenant ? [] : [[404, absent]])];
      expect(refusals).toContainEqual(told(answer));
      expect(answer.text).not.toContain(other.tenant.tenantId);
    },
  );

  it.each(table(guarded.filter(({ policy }) => policy.feature !== undefined)))(
    '%s answers 403 to a plan without its feature',
    async (_, operation) => {
      const answer = await probe.ask(unreal(operation, (await withoutFeatures()).tenant.admin));
      expect(told(answer)).toEqual([403, 'FEATURE_NOT_ENABLED']);
      expect(answer.text).toContain(`"feature_key":"${operation.policy.feature ?? ''}"`);
    },
  );
});

describe('every endpoint that reads a body or a query', () => {
  it.each(table(guarded.filter(({ body, form }) => body !== undefined || form !== undefined)))(
    '%s refuses each wrong body, and repeats nothing of it',
    async (_, operation) => {
      const { request } = await probe.valid(operation, tenant);
      const again = await world.request(operation, tenant, request.credential);
      for (const { name, bytes, type, statuses } of wrongBodies(operation, again.body)) {
        const draft = draftOf({ ...again, body: undefined });
        const headers = type === undefined ? draft.headers : [...draft.headers, type];
        const answer = await probe.send(operation, { ...draft, headers, body: bytes });
        expect({ name, status: answer.status, text: answer.text }).toMatchObject({
          name,
          status: statuses.includes(answer.status) ? answer.status : statuses[0],
          text: expect.not.stringContaining(CANARY),
        });
      }
    },
  );

  it.each(table(guarded.filter(({ query }) => query.length > 0)))(
    '%s refuses each wrong query',
    async (_, operation) => {
      const { request } = await probe.valid(operation, tenant);
      for (const [name, query] of wrongQueries(operation)) {
        const [target = ''] = draftOf(request).target.split('?', 1);
        const answer = await probe.send(operation, { ...draftOf(request), target: `${target}?${query}` });
        expect([name, answer.status]).toEqual([name, answer.status === 400 ? 400 : 422]);
        expect(answer.text).not.toContain(CANARY);
      }
    },
  );
});

describe('every endpoint that takes an Idempotency-Key', () => {
  const NOT_REPEATED = ['date', 'connection', 'keep-alive', 'idempotency-replayed'];
  const kept = ({ headers }: RawAnswer) => [...headers].filter(([name]) => !NOT_REPEATED.includes(name)).sort();
  const { log } = world.server.platform;
  /** What callers, and not the platform itself, have done since. */
  const doneSince = async (after: string | null) =>
    (await log.readAll({ after, limit: 1_000 })).events.filter(({ metadata }) => metadata.actor.type === 'api_key');

  it.each(table(guarded.filter(({ policy }) => policy.idempotent)))(
    '%s repeats its answer to the byte and the header, with one effect, and refuses another body',
    async (_, operation) => {
      const key = ['idempotency-key', randomUUID()] as const;
      const { request, answer: first } = await probe.valid(operation, tenant, { headers: [key] });
      const before = await log.head();
      const again = await probe.ask(request);
      expect([again.status, again.text]).toEqual([first.status, first.text]);
      expect(kept(again)).toEqual(kept(first));
      expect([first, again].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([undefined, 'true']);
      expect(await doneSince(before)).toEqual([]);
      const draft = draftOf(request);
      const another = await world.request(operation, tenant);
      const reads = operation.body ?? operation.form;
      const body = reads === undefined ? Buffer.from('{"other":1}') : draftOf(another).body;
      if (body === undefined || (draft.body !== undefined && body.equals(draft.body))) return;
      const headers = reads === undefined ? [...draft.headers, JSON_HEADER] : draft.headers;
      expect(told(await probe.send(operation, { ...draft, headers, body }))).toEqual([409, 'IDEMPOTENCY_KEY_CONFLICT']);
    },
  );
});

describe('every endpoint that is counted', () => {
  it.each(table(counted))('%s answers 429 over the rate, and says when to come again', async (_, operation) => {
    const { admin } = (await inAHurry()).tenant;
    const first = await probe.ask(unreal(operation, admin));
    // The first request of its class is let in.
    const answer = first.status === 429 ? first : await probe.ask(unreal(operation, admin));
    expect(told(answer)).toEqual([429, 'RATE_LIMITED']);
    const { rate } = operation.policy;
    const { details } = (JSON.parse(answer.text) as { error: { details: Record<string, unknown> } }).error;
    expect(details).toEqual({ scope: 'api_key', route_class: rate, retry_after_ms: expect.any(Number) });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(answer.headers.get('x-ratelimit-scope')).toBe('api_key');
    expect(answer.headers.get('x-ratelimit-route-class')).toBe(rate);
    expect(answer.headers.get('x-ratelimit-retry-after-ms')).toBe(String(details['retry_after_ms']));
  });

  it.each(table(counted.filter(({ policy }) => policy.recovery !== true)))(
    '%s answers 402 over the quota',
    async (_, operation) => {
      const answer = await probe.ask(unreal(operation, (await withoutQuota()).tenant.admin));
      expect(told(answer)).toEqual([402, 'QUOTA_EXCEEDED']);
      expect(answer.headers.get('x-quota-day-limit')).toBe('0');
    },
  );

  it.each(table(counted.filter(({ policy }) => policy.recovery === true)))(
    '%s stays open over the quota, so that a caller can recover',
    async (_, operation) => {
      const answer = await probe.ask(unreal(operation, (await withoutQuota()).tenant.admin));
      expect(answer.status).not.toBe(402);
      expect(answer.headers.has('x-quota-day-limit')).toBe(false);
    },
  );
});

let hasty: Promise<Things> | undefined;
function inAHurry(): Promise<Things> {
  hasty ??= (async () => {
    const things = await world.tenant();
    const limits = ['run', 'mutation', 'read', 'ops'].map((routeClass) => {
      return { scope: 'api_key', route_class: routeClass, rps: 0.001, burst: routeClass === 'run' ? 3 : 1 };
    });
    await world.asOperator(/^PUT \/v1\/admin\/rate-limits\/:\w+$/, things.tenant.tenantId, { limits });
    return things;
  })();
  return hasty;
}

let poor: Promise<Things> | undefined;
function withoutQuota(): Promise<Things> {
  poor ??= (async () => {
    const things = await world.tenant();
    await world.asOperator(/^PATCH \/v1\/admin\/quotas\/:\w+$/, things.tenant.tenantId, { daily_requests_limit: 0 });
    return things;
  })();
  return poor;
}

let plain: Promise<Things> | undefined;
function withoutFeatures(): Promise<Things> {
  plain ??= (async () => {
    const things = await world.tenant();
    const overrides = /^PATCH \/v1\/admin\/plans\/:\w+\/overrides$/;
    for (const feature of new Set(guarded.flatMap(({ policy }) => policy.feature ?? [])))
      await world.asOperator(overrides, things.tenant.tenantId, { feature_key: feature, enabled: false });
    return things;
  })();
  return plain;
}
