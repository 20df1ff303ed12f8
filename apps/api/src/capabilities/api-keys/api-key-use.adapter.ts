import { apiKeyUse, USE_REMEMBERED_MS, useStreamId } from '#domain/capabilities/api-keys/api-key-use.decider.js';
import { API_KEYS_STREAM_ID, apiKeys } from '#domain/capabilities/api-keys/api-keys.decider.js';
import type { ApiKeyRow } from '#domain/capabilities/api-keys/api-keys.projection.js';
import type { Facts } from '#domain/kernel/decider.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { newId } from '#infra/commands/ids.js';

/** Most keys whose last use is kept in memory; the oldest are forgotten first. */
const KEPT = 50_000;

export interface KeyUseOptions {
  readonly path: Pick<CommandPath, 'run'>;
  readonly onError: (error: unknown) => void;
  readonly now?: () => number;
}

/** Writes down in the background that keys are used: at most once in five minutes each, and under their new hash. */
export class KeyUses {
  private readonly noted = new Map<string, number>();
  private readonly rehashing = new Set<string>();
  private readonly underway = new Set<Promise<unknown>>();
  private readonly now: () => number;

  constructor(private readonly options: KeyUseOptions) {
    this.now = options.now ?? Date.now;
  }

  /** Every request pays for this: a look into a map. */
  note(row: ApiKeyRow): void {
    const now = this.now();
    if (now - (this.noted.get(row.id) ?? Number.NEGATIVE_INFINITY) < USE_REMEMBERED_MS) return;
    this.noted.delete(row.id);
    this.noted.set(row.id, now);
    const oldest = this.noted.keys().next().value;
    if (this.noted.size > KEPT && oldest !== undefined) this.noted.delete(oldest);
    const data = { keyId: row.id, lastUsedAt: row.last_used_at };
    const facts = this.facts(row.tenant_id);
    const streamId = useStreamId(row.id, facts.now);
    this.start(() => this.options.path.run(apiKeyUse, streamId, { type: 'RecordApiKeyUse', data }, facts)).catch(
      // Only this use is lost: the next one is written.
      () => this.noted.delete(row.id),
    );
  }

  /** Stores a key that was found under an older hash under the one that is made now. */
  rehash(row: ApiKeyRow, keyHash: string): void {
    if (this.rehashing.has(row.id)) return;
    this.rehashing.add(row.id);
    const command = { type: 'RehashApiKey', data: { keyId: row.id, keyHash } } as const;
    const done = (): boolean => this.rehashing.delete(row.id);
    this.start(() => this.options.path.run(apiKeys, API_KEYS_STREAM_ID, command, this.facts(row.tenant_id))).then(
      done,
      done,
    );
  }

  /** Waits for what is being written. */
  async stop(): Promise<void> {
    await Promise.allSettled(this.underway);
  }

  private start(write: () => Promise<unknown>): Promise<unknown> {
    const writing = write();
    this.underway.add(writing);
    const ended = (): boolean => this.underway.delete(writing);
    writing.then(ended, (error: unknown) => {
      ended();
      this.options.onError(error);
    });
    return writing;
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
