import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { CatalogueError, defineErrors } from '#domain/kernel/errors.js';
import { contextOf, decrypt, encrypt } from '#infra/crypto/aes.js';
import type { Database } from '#infra/database/database.js';
import type { ContentRef, ContentStore, DataKey, IsNamed, KeyStore, NewContent, Subject } from './content-store.js';

export const contentErrors = defineErrors('content', {
  tooLarge: ['too_large', 'CONTENT_TOO_LARGE', 'The content is larger than this installation stores'],
});

export interface ContentStoreOptions {
  /** Largest content in bytes; 64 MiB by default. */
  readonly maxBytes?: number;
}

interface BlobRow {
  readonly id: string;
  readonly kind: string;
  readonly key_id: string;
  readonly sealed: Buffer;
}

interface RefRow {
  readonly id: string;
  readonly sha256: string;
  readonly size: number;
  readonly key_id: string;
}

interface Sealed extends ContentRef {
  readonly subject: Subject;
  readonly kind: string;
  readonly sealed: Buffer;
}

const defaultMaxBytes = 64 * 1024 * 1024;
const sweepPage = 500;

/** Content in the table `content.blob`: `sealed` is IV, ciphertext and tag under the subject's key. */
export class PostgresContentStore implements ContentStore {
  private readonly maxBytes: number;

  constructor(
    private readonly database: Database,
    private readonly keys: KeyStore,
    options: ContentStoreOptions = {},
  ) {
    this.maxBytes = options.maxBytes ?? defaultMaxBytes;
  }

  async put(subject: Subject, kind: string, bytes: Uint8Array): Promise<ContentRef> {
    const [ref] = await this.putMany([{ subject, kind, bytes }]);
    return ref as ContentRef;
  }

  async putMany(contents: readonly NewContent[]): Promise<readonly ContentRef[]> {
    if (contents.length === 0) return [];
    for (const { bytes } of contents) this.checkSize(bytes.length);
    const keys = await this.keys.keysFor(contents.map((content) => content.subject));
    const blobs = contents.map((content, index) => sealContent(content, keys[index] as DataKey));
    const stored = new Set(await this.insert(blobs));
    const repeated = blobs.filter((blob) => !stored.has(blob.id));
    const earlier = await this.refs(repeated);
    return blobs.map((blob) => earlier.get(blobKey(blob.subject.tenantId, blob.id)) ?? toRef(blob));
  }

  async get(tenantId: string, id: string): Promise<Uint8Array | undefined> {
    return (await this.getMany(tenantId, [id])).get(id);
  }

  async getMany(tenantId: string, ids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const clear = new Map<string, Uint8Array>();
    if (ids.length === 0) return clear;
    const rows = await this.database.queryPrepared<BlobRow>(
      'select id, kind, key_id, sealed from content.blob where tenant_id = $1 and id = any($2::uuid[])',
      [tenantId, ids],
    );
    const keys = await this.keys.open(tenantId, [...new Set(rows.map((row) => row.key_id))]);
    for (const row of rows) {
      const key = keys.get(row.key_id);
      if (key === undefined) continue;
      const context = contextOf('content', tenantId, row.kind, row.id, row.key_id);
      clear.set(row.id, decrypt(key, row.sealed, context, `content ${row.id}`));
    }
    return clear;
  }

  async delete(tenantId: string, id: string): Promise<void> {
    await this.database.execute('delete from content.blob where tenant_id = $1 and id = $2', [tenantId, id]);
  }

  async deleteOf(subject: Subject): Promise<number> {
    return this.database.execute(
      'delete from content.blob where tenant_id = $1 and subject_kind = $2 and subject_id = $3',
      [subject.tenantId, subject.kind, subject.id],
    );
  }

  async sweep(olderThan: Date, isNamed: IsNamed, notBefore = new Date(0)): Promise<number> {
    let removed = 0;
    const tenants = await this.database.query<{ tenant_id: string }>(
      'select distinct tenant_id from content.blob where created_at < $1 and created_at >= $2',
      [olderThan, notBefore],
    );
    for (const { tenant_id } of tenants) removed += await this.sweepTenant(tenant_id, olderThan, isNamed, notBefore);
    return removed;
  }

  private async sweepTenant(tenantId: string, olderThan: Date, isNamed: IsNamed, notBefore: Date): Promise<number> {
    let removed = 0;
    let after = '00000000-0000-0000-0000-000000000000';
    for (;;) {
      const rows = await this.database.query<{ id: string }>(
        `select id from content.blob where tenant_id = $1 and id > $2 and created_at < $3 and created_at >= $4
         order by id limit ${sweepPage}`,
        [tenantId, after, olderThan, notBefore],
      );
      const last = rows.at(-1);
      if (last === undefined) return removed;
      after = last.id;
      const ids = rows.map((row) => row.id);
      const named = await isNamed(ids, tenantId);
      removed += await this.database.execute('delete from content.blob where tenant_id = $1 and id = any($2::uuid[])', [
        tenantId,
        ids.filter((id) => !named.has(id)),
      ]);
    }
  }

  private checkSize(size: number): void {
    if (size > this.maxBytes) throw new CatalogueError(contentErrors.tooLarge, { size, maxBytes: this.maxBytes });
  }

  private async insert(blobs: readonly Sealed[]): Promise<string[]> {
    const rows = await this.database.queryPrepared<{ id: string }>(
      `insert into content.blob (tenant_id, id, kind, subject_kind, subject_id, key_id, sealed, size, sha256)
       select * from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::bytea[], $8::int[], $9::text[])
       on conflict (tenant_id, id) do nothing returning id`,
      [
        blobs.map((blob) => blob.subject.tenantId),
        blobs.map((blob) => blob.id),
        blobs.map((blob) => blob.kind),
        blobs.map((blob) => blob.subject.kind),
        blobs.map((blob) => blob.subject.id),
        blobs.map((blob) => blob.keyId),
        blobs.map((blob) => blob.sealed),
        blobs.map((blob) => blob.size),
        blobs.map((blob) => blob.sha256),
      ],
    );
    return rows.map((row) => row.id);
  }

  private async refs(blobs: readonly Sealed[]): Promise<ReadonlyMap<string, ContentRef>> {
    const found = new Map<string, ContentRef>();
    for (const { subject, id } of blobs) {
      const [row] = await this.database.query<RefRow>(
        'select id, sha256, size, key_id from content.blob where tenant_id = $1 and id = $2',
        [subject.tenantId, id],
      );
      if (row === undefined) continue;
      found.set(blobKey(subject.tenantId, id), { id, sha256: row.sha256, size: row.size, keyId: row.key_id });
    }
    return found;
  }
}

function blobKey(tenantId: string, id: string): string {
  return `${id} ${tenantId}`;
}

function sealContent(content: NewContent, key: DataKey): Sealed {
  const id = content.id ?? uuidv7();
  const { subject, kind, bytes } = content;
  const sealed = encrypt(key.key, bytes, contextOf('content', subject.tenantId, kind, id, key.id));
  const sha256 = createHash('sha256').update(sealed).digest('hex');
  return { id, subject, kind, sealed, sha256, size: bytes.length, keyId: key.id };
}

function toRef({ id, sha256, size, keyId }: Sealed): ContentRef {
  return { id, sha256, size, keyId };
}
