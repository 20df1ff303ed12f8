import type { Database } from '#infra/database/database.js';
import type { Destruction, KeyStore } from '#infra/content/content-store.js';

const LOOKED_AT = 500;

/** The database holds contents whose keys nobody destroyed and nobody has: the key store is not the one that sealed them. */
export class KeysLost extends Error {
  constructor() {
    super(
      'the key store lacks keys that were not destroyed, and nothing that they sealed can be read: restore it from its ' +
        'backup, or set CRYPTO_ACCEPT_LOST_KEYS=true to go on without them',
    );
    this.name = 'KeysLost';
  }
}

interface Sealed {
  readonly tenant_id: string;
  readonly subject_kind: string;
  readonly subject_id: string;
  readonly key_id: string;
}

/** Throws KeysLost when keys of the newest contents are gone without a destruction: the newest are the first to be cut off. */
export async function refuseLostKeys(database: Database, keys: KeyStore): Promise<void> {
  const newest = await database.query<Sealed>(
    `select tenant_id, subject_kind, subject_id, key_id::text as key_id from content.blob order by created_at desc limit $1`,
    [LOOKED_AT],
  );
  const missing: Sealed[] = [];
  for (const [tenantId, contents] of Map.groupBy(newest, ({ tenant_id }) => tenant_id)) {
    const known = await keys.open(tenantId, [...new Set(contents.map(({ key_id }) => key_id))]);
    missing.push(...contents.filter(({ key_id }) => !known.has(key_id)));
  }
  if (missing.length === 0) return;
  const destructions = await keys.destructions();
  if (missing.some((content) => !destructions.some((destruction) => mayCover(destruction, content))))
    throw new KeysLost();
}

function mayCover({ subject, keyIds }: Destruction, content: Sealed): boolean {
  if (subject.tenantId !== content.tenant_id) return false;
  if (keyIds.length > 0) return keyIds.includes(content.key_id);
  return subject.kind === content.subject_kind && subject.id === content.subject_id;
}
