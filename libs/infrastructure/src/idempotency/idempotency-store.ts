import { randomUUID } from 'node:crypto';
import type { Facts } from '#domain/kernel/decider.js';
import type { KeyStore, Subject } from '#infra/content/content-store.js';
import { contextOf, decrypt, encrypt } from '#infra/crypto/aes.js';
import type { Database } from '#infra/database/database.js';
import {
  scopeName,
  type Claim,
  type IdempotencyOptions,
  type IdempotencyScope,
  type Run,
  type StoredResponse,
} from './claims.js';
import { Wakeups } from './wakeups.js';

const channel = 'nexusrag_idempotency';
const purgePage = 1_000;
const expiredClaim =
  'c.expires_at <= clock_timestamp() and (c.status is not null or c.lease_until <= clock_timestamp())';
const ofTenant = '($1::text is null or c.tenant_id = $1)';

interface ClaimRow {
  readonly claim_id: string;
  readonly fingerprint: string;
  readonly facts: Facts;
  readonly status: number | null;
  readonly key_id: string | null;
  readonly response: Buffer | null;
  readonly lapsed: boolean;
}

interface Held {
  readonly scope: IdempotencyScope;
  readonly since: number;
}

/**
 * Idempotency keys, claimed before anything is decided. Responses are stored sealed under a key of the tenant. Clocks are
 * the database's. Call it outside transactions: a claim must be visible to its twins at once.
 */
export class IdempotencyStore {
  private readonly held = new Map<string, Held>();
  private readonly wakeups: Wakeups;
  private readonly ttlMs: number;
  private readonly leaseMs: number;
  private readonly waitMs: number;
  private readonly longestRunMs: number;
  private readonly renewal: NodeJS.Timeout;

  constructor(
    private readonly database: Database,
    private readonly keys: KeyStore,
    options: IdempotencyOptions = {},
  ) {
    this.ttlMs = options.ttlMs ?? 24 * 3_600_000;
    this.leaseMs = options.leaseMs ?? 30_000;
    this.waitMs = options.waitMs ?? 10_000;
    this.longestRunMs = options.longestRunMs ?? 15 * 60_000;
    this.wakeups = new Wakeups(database, channel);
    this.renewal = setInterval(() => void this.renew().catch(() => undefined), this.leaseMs / 3).unref();
  }

  /** Claims the key, waiting for a twin in flight. `run` must end in `complete` or `release`. */
  async claim(scope: IdempotencyScope, fingerprint: string, facts: Facts): Promise<Claim> {
    const name = scopeName(scope);
    const deadline = performance.now() + this.waitMs;
    for (;;) {
      const claim = await this.tryClaim(scope, name, fingerprint, facts);
      if (claim !== undefined) return claim;
      const left = deadline - performance.now();
      if (left <= 0) return { state: 'busy' };
      await this.wakeups.wait(name, Math.min(left, this.leaseMs / 2, 500));
    }
  }

  /**
   * Ends a run. A response below 400 is stored for its twins; 4xx frees the key; 5xx gives the claim up but keeps its facts,
   * for the run may have taken effect, and the next caller repeats it with them. False when the claim was lost.
   */
  async complete(run: Run, response: StoredResponse): Promise<boolean> {
    if (response.status >= 500) return this.giveUp(run);
    if (response.status >= 400) return this.release(run);
    const scope = this.letGo(run);
    if (scope === undefined) return false;
    const key = await this.keys.keyFor(responseSubject(scope.tenantId));
    const name = scopeName(scope);
    const text = JSON.stringify({ headers: response.headers, body: response.body ?? null });
    const sealed = encrypt(key.key, Buffer.from(text), responseContext(scope.tenantId, name, key.id));
    return this.end(name, () =>
      this.database.execute(
        `update idempotency.claim set status = $4, key_id = $5, response = $6,
           expires_at = clock_timestamp() + $7 * interval '1 ms'
         where tenant_id = $1 and scope = $2 and claim_id = $3 and status is null`,
        [scope.tenantId, name, run.claimId, response.status, key.id, sealed, this.ttlMs],
      ),
    );
  }

  /** Frees the key: nothing took effect. False when the claim was lost. */
  async release(run: Run): Promise<boolean> {
    const scope = this.letGo(run);
    if (scope === undefined) return false;
    const name = scopeName(scope);
    return this.end(name, () =>
      this.database.execute(
        'delete from idempotency.claim where tenant_id = $1 and scope = $2 and claim_id = $3 and status is null',
        [scope.tenantId, name, run.claimId],
      ),
    );
  }

  /** Ends the lease but keeps the facts: whether the run took effect is not known. False when the claim was lost. */
  async giveUp(run: Run): Promise<boolean> {
    const scope = this.letGo(run);
    if (scope === undefined) return false;
    const name = scopeName(scope);
    return this.end(name, () =>
      this.database.execute(
        `update idempotency.claim set lease_until = clock_timestamp()
         where tenant_id = $1 and scope = $2 and claim_id = $3 and status is null`,
        [scope.tenantId, name, run.claimId],
      ),
    );
  }

  /** How many claims have expired, of one tenant or of all. */
  async expired(tenantId?: string): Promise<number> {
    const [row] = await this.database.query<{ n: string }>(
      `select count(*) as n from idempotency.claim c where ${expiredClaim} and ${ofTenant}`,
      [tenantId ?? null],
    );
    return Number(row?.n ?? 0);
  }

  /** Removes expired claims, of one tenant or of all; how many there were. */
  async purge(tenantId?: string): Promise<number> {
    let removed = 0;
    for (;;) {
      const count = await this.database.execute(
        `delete from idempotency.claim where (tenant_id, scope) in (
           select tenant_id, scope from idempotency.claim c where ${expiredClaim} and ${ofTenant} limit ${purgePage})`,
        [tenantId ?? null],
      );
      removed += count;
      if (count < purgePage) return removed;
    }
  }

  /** Lets go of every claim without freeing it: each is taken over when its lease has passed. */
  async close(): Promise<void> {
    clearInterval(this.renewal);
    this.held.clear();
    await this.wakeups.close();
  }

  private async tryClaim(
    scope: IdempotencyScope,
    name: string,
    fingerprint: string,
    facts: Facts,
  ): Promise<Claim | undefined> {
    const fresh = await this.insert(scope, name, fingerprint, facts);
    if (fresh !== undefined) return this.hold(scope, { state: 'run', claimId: fresh, facts, takenOver: false });
    const [row] = await this.database.query<ClaimRow>(
      `select claim_id, fingerprint, facts, status, key_id, response, lease_until <= clock_timestamp() as lapsed
       from idempotency.claim where tenant_id = $1 and scope = $2`,
      [scope.tenantId, name],
    );
    if (row === undefined) return this.tryClaim(scope, name, fingerprint, facts);
    if (row.fingerprint !== fingerprint) return { state: 'conflict' };
    if (row.status !== null) {
      return (await this.replay(scope, name, row)) ?? this.tryClaim(scope, name, fingerprint, facts);
    }
    return row.lapsed ? this.takeOver(scope, name, row) : undefined;
  }

  private async insert(
    scope: IdempotencyScope,
    name: string,
    fingerprint: string,
    facts: Facts,
  ): Promise<string | undefined> {
    const claimId = randomUUID();
    const taken = await this.database.execute(
      `insert into idempotency.claim as c
         (tenant_id, scope, claim_id, fingerprint, facts, lease_until, created_at, expires_at)
       values ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 ms', clock_timestamp(),
         clock_timestamp() + $7 * interval '1 ms')
       on conflict (tenant_id, scope) do update set
         claim_id = excluded.claim_id, fingerprint = excluded.fingerprint, facts = excluded.facts,
         lease_until = excluded.lease_until, created_at = excluded.created_at, expires_at = excluded.expires_at,
         status = null, key_id = null, response = null
       where ${expiredClaim}`,
      [scope.tenantId, name, claimId, fingerprint, JSON.stringify(facts), this.leaseMs, this.ttlMs],
    );
    return taken === 1 ? claimId : undefined;
  }

  private async takeOver(scope: IdempotencyScope, name: string, row: ClaimRow): Promise<Claim | undefined> {
    const claimId = randomUUID();
    const taken = await this.database.execute(
      `update idempotency.claim set claim_id = $4, lease_until = clock_timestamp() + $5 * interval '1 ms'
       where tenant_id = $1 and scope = $2 and claim_id = $3 and status is null and lease_until <= clock_timestamp()`,
      [scope.tenantId, name, row.claim_id, claimId, this.leaseMs],
    );
    if (taken === 0) return undefined;
    return this.hold(scope, { state: 'run', claimId, facts: row.facts, takenOver: true });
  }

  private async replay(scope: IdempotencyScope, name: string, row: ClaimRow): Promise<Claim | undefined> {
    const keyId = row.key_id ?? '';
    const key = (await this.keys.open(scope.tenantId, [keyId])).get(keyId);
    if (key === undefined || row.response === null) {
      // The tenant's key was destroyed: the response is gone for good, and so is the claim.
      await this.database.execute(
        'delete from idempotency.claim where tenant_id = $1 and scope = $2 and claim_id = $3',
        [scope.tenantId, name, row.claim_id],
      );
      return undefined;
    }
    const text = decrypt(key, row.response, responseContext(scope.tenantId, name, keyId), 'a stored response');
    const { headers, body } = JSON.parse(text.toString('utf8')) as Omit<StoredResponse, 'status'>;
    return { state: 'replay', status: row.status ?? 200, headers, body };
  }

  private hold(scope: IdempotencyScope, run: Run): Run {
    this.held.set(run.claimId, { scope, since: performance.now() });
    return run;
  }

  // No longer renewed from here on: when the write that ends the run fails, the lease passes and a twin takes over.
  private letGo(run: Run): IdempotencyScope | undefined {
    const scope = this.held.get(run.claimId)?.scope;
    this.held.delete(run.claimId);
    return scope;
  }

  private async end(name: string, write: () => Promise<number>): Promise<boolean> {
    const ended = (await write()) === 1;
    if (ended) await this.wakeups.wake(name);
    return ended;
  }

  private async renew(): Promise<void> {
    const oldest = performance.now() - this.longestRunMs;
    for (const [claimId, { since }] of this.held) if (since < oldest) this.held.delete(claimId);
    if (this.held.size === 0) return;
    const runs = [...this.held];
    await this.database.execute(
      `update idempotency.claim c set lease_until = clock_timestamp() + $4 * interval '1 ms'
       from unnest($1::text[], $2::text[], $3::uuid[]) as h(tenant_id, scope, claim_id)
       where c.tenant_id = h.tenant_id and c.scope = h.scope and c.claim_id = h.claim_id and c.status is null`,
      [
        runs.map(([, { scope }]) => scope.tenantId),
        runs.map(([, { scope }]) => scopeName(scope)),
        runs.map(([claimId]) => claimId),
        this.leaseMs,
      ],
    );
  }
}

/** The subject whose key seals the tenant's stored responses. */
export function responseSubject(tenantId: string): Subject {
  return { tenantId, kind: 'idempotency', id: tenantId };
}

function responseContext(tenantId: string, name: string, keyId: string): Buffer {
  return contextOf('idempotency', tenantId, name, keyId);
}
