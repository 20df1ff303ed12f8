import { apiKeyUse, USE_REMEMBERED_MS, useStreamId } from '#domain/capabilities/api-keys/api-key-use.decider.js';
import { API_KEYS_STREAM_ID, apiKeys } from '#domain/capabilities/api-keys/api-keys.decider.js';
import type { ApiKeyRow } from '#domain/capabilities/api-keys/api-keys.projection.js';
import type { Facts } from '#domain/kernel/decider.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { newId } from '#infra/commands/ids.js';

/** Most keys whose last use is kept in memory; the oldest are forgotten first. */
const KEPT = 50_000;
/** While nothing can be written, the requests of one key try it this often. */
const RETRY_MS = 30_000;

export interface KeyUseOptions {
  readonly path: Pick<CommandPath, 'run'>;
  readonly onError: (error: unknown) => void;
  readonly now?: () => number;
}

/** Writes down in the background that keys are used: at most once in five minutes each, and under their new hash. */
export class KeyUses {
  /** When a key is looked at again. */
  private readonly again = new Map<string, number>();
  private readonly underway = new Set<Promise<unknown>>();
  private readonly now: () => number;

  constructor(private readonly options: KeyUseOptions) {
    this.now = options.now ?? Date.now;
  }

  /** Every request pays for this: a look into a map. */
  note(row: ApiKeyRow): void {
    const now = this.now();
    if (now < (this.again.get(row.id) ?? 0)) return;
    const { last_used_at: lastUsedAt } = row;
    const known = (lastUsedAt === null ? 0 : Date.parse(lastUsedAt)) + USE_REMEMBERED_MS;
    this.remember(row.id, now < known ? known : now + USE_REMEMBERED_MS);
    if (now < known) return;
    const facts = this.facts(row.tenant_id);
    const command = { type: 'RecordApiKeyUse', data: { keyId: row.id, lastUsedAt } } as const;
    this.start(
      () => this.options.path.run(apiKeyUse, useStreamId(row.id, facts.now), command, facts),
      () => this.remember(row.id, this.now() + RETRY_MS),
    );
  }

  /** Stores a key that was found under an older hash under the one that is made now. */
  rehash(row: ApiKeyRow, keyHash: string): void {
    const name = `hash of ${row.id}`;
    const now = this.now();
    if (now < (this.again.get(name) ?? 0)) return;
    this.remember(name, now + RETRY_MS);
    const command = { type: 'RehashApiKey', data: { keyId: row.id, keyHash } } as const;
    this.start(() => this.options.path.run(apiKeys, API_KEYS_STREAM_ID, command, this.facts(row.tenant_id)));
  }

  /** Waits for what is being written. */
  async stop(): Promise<void> {
    await Promise.allSettled(this.underway);
  }

  private remember(name: string, until: number): void {
    this.again.delete(name);
    this.again.set(name, until);
    const oldest = this.again.keys().next().value;
    if (this.again.size > KEPT && oldest !== undefined) this.again.delete(oldest);
  }

  private start(write: () => Promise<unknown>, onFailure: () => void = () => undefined): void {
    const writing = write();
    this.underway.add(writing);
    const ended = (): boolean => this.underway.delete(writing);
    writing.then(ended, (error: unknown) => {
      ended();
      onFailure();
      this.options.onError(error);
    });
  }

  private facts(tenantId: string): Facts {
    return {
      tenantId,
      actor: { type: 'system', id: 'authenticator', role: null },
      now: new Date(this.now()).toISOString(),
      commandId: newId(),
      newId: newId(),
      requestId: null,
    };
  }
}
