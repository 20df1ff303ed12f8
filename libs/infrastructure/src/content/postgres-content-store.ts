import { hash } from 'node:crypto';
import { CatalogueError, defineErrors } from '#domain/kernel/errors.js';
import { Gathered } from '#infra/batching/gathered.js';
import { newId } from '#infra/commands/ids.js';
import { contextOf, decrypt, encrypt } from '#infra/crypto/aes.js';
import { hidden, type Database } from '#infra/database/database.js';
import {
  refOf,
  type ContentRef,
  type ContentStore,
  type DataKey,
  type EnclosedContent,
  type IsNamed,
  type KeyStore,
  type NewContent,
  type SealedContent,
  type StoredContent,
  type StreamedContent,
  type Subject,
} from './content-store.js';
import { blobArrays, blobColumns, blobParameters, enclosed } from './blob-rows.js';
import { PiecedContent, type PiecedRow } from './pieced-content.js';
import { whole } from './whole.js';

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
  /** Null for one that is whole in `sealed`; 0 for one that is being stored. */
  readonly pieces: number | null;
  /** Bytes in clear. */
  readonly size: number;
}

interface ContentName {
  readonly tenantId: string;
  readonly id: string;
}

interface RefRow {
  readonly id: string;
  readonly sha256: string;
  readonly size: number;
  readonly key_id: string;
}

const defaultMaxBytes = 64 * 1024 * 1024;
const sweepPage = 500;
/** What is larger goes in a statement of its own. */
const gatheredBytes = 256 * 1024;
const gatheredAtOnce = 32;

/** Content in the table `content.blob`: `sealed` is IV, ciphertext and tag under the subject's key. */
export class PostgresContentStore implements ContentStore {
  private readonly maxBytes: number;
  private readonly inserts: Gathered<readonly SealedContent[], string[]>;
  private readonly gets: Gathered<ContentName, BlobRow | undefined>;
  private readonly pieced: PiecedContent;

  constructor(
    private readonly database: Database,
    private readonly keys: KeyStore,
    options: ContentStoreOptions = {},
  ) {
    this.maxBytes = options.maxBytes ?? defaultMaxBytes;
    this.inserts = new Gathered((groups) => database.detached(() => this.insertGroups(groups)), gatheredAtOnce);
    this.gets = new Gathered((names) => database.detached(() => this.rowsOf(names)), gatheredAtOnce);
    this.pieced = new PiecedContent(database, keys);
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
    const stored = new Set(await this.store(blobs));
    const repeated = blobs.filter((blob) => !stored.has(blob.id));
    const earlier = await this.refs(repeated);
    return blobs.map((blob) => earlier.get(blobKey(blob.subject.tenantId, blob.id)) ?? refOf(blob));
  }

  async seal(content: NewContent): Promise<SealedContent> {
    this.checkSize(content.bytes.length);
    return sealContent(content, await this.keys.keyFor(content.subject));
  }

  async enclose(content: NewContent): Promise<EnclosedContent> {
    const { subject, kind, bytes } = content;
    if (bytes.length > gatheredBytes) {
      const [ref] = await this.putMany([content]);
      return { ref: ref as ContentRef, companions: [] };
    }
    const row = await this.seal({ subject, kind, bytes });
    return { ref: refOf(row), companions: [{ kind: enclosed, row, bytes: row.sealed.length }] };
  }

  async get(tenantId: string, id: string): Promise<Uint8Array | undefined> {
    const row = await this.row({ tenantId, id });
    return row === undefined ? undefined : (await this.openRows(tenantId, [row])).get(id);
  }

  async getMany(tenantId: string, ids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    if (ids.length === 0) return new Map();
    const rows = await this.database.queryPrepared<BlobRow>(
      'select id, kind, key_id, sealed, pieces, size from content.blob where tenant_id = $1 and id = any($2::uuid[])',
      [tenantId, ids],
    );
    return this.openRows(tenantId, rows);
  }

  private async openRows(tenantId: string, rows: readonly BlobRow[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const clear = new Map<string, Uint8Array>();
    const keys = await this.keys.open(tenantId, [...new Set(rows.map((row) => row.key_id))]);
    for (const row of rows) {
      const key = keys.get(row.key_id);
      if (key === undefined || row.pieces === 0) continue;
      clear.set(row.id, isPieced(row) ? await whole(this.pieced.read(tenantId, row, key)) : opened(tenantId, row, key));
    }
    return clear;
  }

  async putStream(content: StreamedContent): Promise<ContentRef> {
    const { subject, id = newId() } = content;
    const stored = await this.pieced.put({ ...content, id });
    const ref = stored ?? (await this.refs([{ subject, id }])).get(blobKey(subject.tenantId, id));
    if (ref === undefined) throw new Error(`content ${id} was removed while it was being stored`);
    return ref;
  }

  async open(tenantId: string, id: string): Promise<StoredContent | undefined> {
    const row = await this.row({ tenantId, id });
    const key = row && (await this.keys.open(tenantId, [row.key_id])).get(row.key_id);
    if (row === undefined || key === undefined || row.pieces === 0) return undefined;
    const { size } = row;
    return { size, parts: isPieced(row) ? this.pieced.read(tenantId, row, key) : once(opened(tenantId, row, key)) };
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

  /** The ids of those that were not there yet. */
  private async store(blobs: readonly SealedContent[]): Promise<readonly string[]> {
    const bytes = blobs.reduce((sum, { sealed }) => sum + sealed.length, 0);
    if (bytes <= gatheredBytes && !this.database.inTransaction) return this.inserts.add(blobs);
    return [...(await this.insert(blobs)).values()].map(({ id }) => id);
  }

  /** Of two that bring the same id at once, the first has stored it. */
  private async insertGroups(groups: readonly (readonly SealedContent[])[]): Promise<readonly string[][]> {
    const stored = await this.insert(groups.flat());
    return groups.map((blobs) =>
      blobs.filter(({ subject, id }) => stored.delete(blobKey(subject.tenantId, id))).map(({ id }) => id),
    );
  }

  /** A transaction reads on its own connection. */
  private async row(name: ContentName): Promise<BlobRow | undefined> {
    return this.database.inTransaction ? (await this.rowsOf([name]))[0] : this.gets.add(name);
  }

  private async rowsOf(names: readonly ContentName[]): Promise<readonly (BlobRow | undefined)[]> {
    const rows = await this.database.queryPrepared<BlobRow & { readonly tenant_id: string }>(
      // Each is looked up (`offset 0`), also by a plan that was kept since the table was small.
      `select b.* from unnest(${hidden('$1::text[]')}, ${hidden('$2::uuid[]')}) w(tenant_id, id)
        cross join lateral (
          select tenant_id, id, kind, key_id, sealed, pieces, size from content.blob
           where tenant_id = w.tenant_id and id = w.id offset 0) b`,
      [names.map(({ tenantId }) => tenantId), names.map(({ id }) => id)],
    );
    const found = new Map(rows.map((row) => [blobKey(row.tenant_id, row.id), row]));
    return names.map(({ tenantId, id }) => found.get(blobKey(tenantId, id)));
  }

  private async insert(blobs: readonly SealedContent[]): Promise<Map<string, { readonly id: string }>> {
    const rows = await this.database.queryPrepared<{ tenant_id: string; id: string }>(
      `insert into content.blob (${blobColumns})
       select ${blobColumns} from unnest(${blobParameters(1)}) with ordinality b(${blobColumns}, place) order by place
       on conflict (tenant_id, id) do nothing returning tenant_id, id`,
      blobArrays(blobs),
    );
    return new Map(rows.map((row) => [blobKey(row.tenant_id, row.id), row]));
  }

  private async refs(
    blobs: readonly Pick<SealedContent, 'subject' | 'id'>[],
  ): Promise<ReadonlyMap<string, ContentRef>> {
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

function isPieced(row: BlobRow): row is BlobRow & PiecedRow {
  return row.pieces !== null;
}

function opened(tenantId: string, row: BlobRow, key: Uint8Array): Buffer {
  const context = contextOf('content', tenantId, row.kind, row.id, row.key_id);
  return decrypt(key, row.sealed, context, `content ${row.id}`);
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

function blobKey(tenantId: string, id: string): string {
  return `${id} ${tenantId}`;
}

function sealContent(content: NewContent, key: DataKey): SealedContent {
  const id = content.id ?? newId();
  const { subject, kind, bytes } = content;
  const sealed = encrypt(key.key, bytes, contextOf('content', subject.tenantId, kind, id, key.id));
  const sha256 = hash('sha256', sealed, 'hex');
  return { id, subject, kind, sealed, sha256, size: bytes.length, keyId: key.id };
}
