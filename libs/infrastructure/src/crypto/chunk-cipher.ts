import { parse, stringify } from 'uuid';
import type { KeyStore } from '#infra/content/content-store.js';
import type { ChunkCipher } from '#infra/retrieval/passage.js';
import { contextOf, decrypt, encrypt } from './aes.js';

const KEY_ID_BYTES = 16;

/** Seals chunk texts under the key of their document: 16 bytes of key id, then IV, ciphertext and tag (AES-256-GCM). */
export class DocumentChunkCipher implements ChunkCipher {
  constructor(private readonly keys: KeyStore) {}

  async encrypt(tenantId: string, documentId: string, bytes: Uint8Array, subjectId = documentId): Promise<Uint8Array> {
    const { id, key } = await this.keys.keyFor({ tenantId, kind: 'document', id: subjectId });
    return Buffer.concat([parse(id), encrypt(key, bytes, contextOf('chunk', tenantId, documentId, id))]);
  }

  async decrypt(tenantId: string, documentId: string, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const id = stringify(bytes.subarray(0, KEY_ID_BYTES));
    const key = (await this.keys.open(tenantId, [id])).get(id);
    if (key === undefined) return undefined;
    return decrypt(key, bytes.subarray(KEY_ID_BYTES), contextOf('chunk', tenantId, documentId, id), 'a chunk');
  }
}
