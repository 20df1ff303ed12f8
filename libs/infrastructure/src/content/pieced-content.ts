import { createHash, randomUUID } from 'node:crypto';
import { newId } from '#infra/commands/ids.js';
import { contextOf, decrypt, encrypt, SealBroken } from '#infra/crypto/aes.js';
import type { Database } from '#infra/database/database.js';
import type { ContentRef, DataKey, KeyStore, StreamedContent } from './content-store.js';

/** The row of a content that has pieces. */
export interface PiecedRow {
  readonly id: string;
  readonly kind: string;
  readonly key_id: string;
  readonly sealed: Buffer;
  readonly pieces: number;
}

/** What a finished row says of its pieces. */
interface Manifest {
  readonly upload: string;
  readonly pieces: number;
  readonly size: number;
}

interface Place {
  readonly tenantId: string;
  readonly kind: string;
  readonly id: string;
  readonly keyId: string;
}

/** Bytes of a piece in clear. */
export const PIECE_BYTES = 1024 * 1024;

/**
 * Contents as pieces, each AES-256-GCM with its place, its upload, and whether it is the last bound in: pieces cannot be
 * left out, put in another order, or taken from another content. Until all are there nothing can be read.
 */
export class PiecedContent {
  constructor(
    private readonly database: Database,
    private readonly keys: KeyStore,
  ) {}

  /** Stores the pieces one by one; undefined, with nothing done, when the id is stored already. What failed leaves nothing. */
  async put({ subject, kind, bytes, id = newId() }: StreamedContent): Promise<ContentRef | undefined> {
    const key = await this.keys.keyFor(subject);
    const place = { tenantId: subject.tenantId, kind, id, keyId: key.id };
    const upload = randomUUID();
    if (!(await this.begin(place, subject, upload))) return undefined;
    const hash = createHash('sha256');
    let size = 0;
    let pieces = 0;
    try {
      for await (const { clear, last } of piecesOf(bytes)) {
        const sealed = encrypt(key.key, clear, pieceContext(place, upload, pieces, last));
        hash.update(sealed);
        await this.add(place, upload, pieces, sealed);
        size += clear.length;
        pieces += 1;
      }
      const sha256 = hash.digest('hex');
      await this.finish(place, key, { upload, pieces, size }, sha256);
      return { id, sha256, size, keyId: key.id };
    } catch (error) {
      await this.abandon(place, upload);
      throw error;
    }
  }

  /** The clear bytes piece by piece. Throws SealBroken where something is not as it was stored. */
  async *read(tenantId: string, row: PiecedRow, key: Uint8Array): AsyncGenerator<Buffer> {
    const { kind, id, key_id: keyId } = row;
    const place = { tenantId, kind, id, keyId };
    const { upload, pieces } = manifestOf(place, row, key);
    for (let number = 0; number < pieces; number += 1) {
      const [piece] = await this.database.query<{ sealed: Buffer }>(
        'select sealed from content.piece where tenant_id = $1 and content_id = $2 and piece_no = $3',
        [tenantId, id, number],
      );
      const what = `piece ${number} of content ${id}`;
      if (piece === undefined) throw new SealBroken(what);
      yield decrypt(key, piece.sealed, pieceContext(place, upload, number, number === pieces - 1), what);
    }
  }

  /** Takes over what another upload of the same id began and did not end; false when one has ended. */
  private async begin(place: Place, subject: StreamedContent['subject'], upload: string): Promise<boolean> {
    const { tenantId, id, kind, keyId } = place;
    return this.database.transaction(async () => {
      const rows = await this.database.query(
        `insert into content.blob (tenant_id, id, kind, subject_kind, subject_id, key_id, sealed, size, sha256, pieces, upload)
         values ($1, $2, $3, $4, $5, $6, '', 0, '', 0, $7)
         on conflict (tenant_id, id) do update set upload = excluded.upload, key_id = excluded.key_id, created_at = now()
           where blob.pieces = 0
         returning id`,
        [tenantId, id, kind, subject.kind, subject.id, keyId, upload],
      );
      if (rows.length === 0) return false;
      await this.database.execute('delete from content.piece where tenant_id = $1 and content_id = $2', [tenantId, id]);
      return true;
    });
  }

  private async add({ tenantId, id }: Place, upload: string, number: number, sealed: Buffer): Promise<void> {
    const added = await this.database.execute(
      `insert into content.piece (tenant_id, content_id, piece_no, sealed)
       select tenant_id, id, $4, $5 from content.blob where tenant_id = $1 and id = $2 and upload = $3 for share`,
      [tenantId, id, upload, number, sealed],
    );
    if (added !== 1) throw new UploadLost(id);
  }

  private async finish({ tenantId, id, kind, keyId }: Place, key: DataKey, manifest: Manifest, sha256: string) {
    const context = manifestContext({ tenantId, id, kind, keyId });
    const sealed = encrypt(key.key, Buffer.from(JSON.stringify(manifest)), context);
    const finished = await this.database.execute(
      `update content.blob set sealed = $4, size = $5, sha256 = $6, pieces = $7
        where tenant_id = $1 and id = $2 and upload = $3 and pieces = 0`,
      [tenantId, id, manifest.upload, sealed, manifest.size, sha256, manifest.pieces],
    );
    if (finished !== 1) throw new UploadLost(id);
  }

  private async abandon({ tenantId, id }: Place, upload: string): Promise<void> {
    await this.database.execute(
      'delete from content.blob where tenant_id = $1 and id = $2 and upload = $3 and pieces = 0',
      [tenantId, id, upload],
    );
  }
}

/** Another upload of the same content has taken over, or the content was removed meanwhile. */
class UploadLost extends Error {
  constructor(id: string) {
    super(`the upload of content ${id} was taken over or removed`);
    this.name = 'UploadLost';
  }
}

function manifestOf(place: Place, { sealed, id, pieces }: PiecedRow, key: Uint8Array): Manifest {
  const what = `content ${id}`;
  const manifest = JSON.parse(decrypt(key, sealed, manifestContext(place), what).toString('utf8')) as Manifest;
  if (manifest.pieces !== pieces) throw new SealBroken(what);
  return manifest;
}

function manifestContext({ tenantId, kind, id, keyId }: Place): Buffer {
  return contextOf('content manifest', tenantId, kind, id, keyId);
}

function pieceContext({ tenantId, kind, id, keyId }: Place, upload: string, number: number, last: boolean): Buffer {
  return contextOf('content piece', tenantId, kind, id, keyId, upload, String(number), last ? 'last' : 'more');
}

/** Bytes of any sizes as pieces of one size; there is always a last one, though it be empty. */
async function* piecesOf(
  bytes: StreamedContent['bytes'],
): AsyncGenerator<{ readonly clear: Buffer; readonly last: boolean }> {
  let gathered: Buffer[] = [];
  let length = 0;
  for await (const part of bytes) {
    for (let at = 0; at < part.length;) {
      if (length === PIECE_BYTES) {
        yield { clear: Buffer.concat(gathered), last: false };
        gathered = [];
        length = 0;
      }
      const taken = Math.min(part.length - at, PIECE_BYTES - length);
      // A source may fill the same memory again.
      gathered.push(Buffer.from(part.subarray(at, at + taken)));
      length += taken;
      at += taken;
    }
  }
  yield { clear: Buffer.concat(gathered), last: true };
}
