import type { Database } from '#infra/database/database.js';
import { indexedForm, unpackPrefixes } from './index-context.js';
import { PART_CHUNKS } from './large-version.js';
import type { ChunkCipher } from './passage.js';
import { openingOf } from './retrieval-index.js';

/** A stored version, with what stands before its chunks where that was kept in one piece. */
export interface StoredVersion {
  readonly version_no: string;
  readonly document_id: string;
  readonly context: Uint8Array | null;
}

export interface IndexedText {
  readonly ordinal: number;
  readonly text: string;
}

type Open = (sealed: Uint8Array) => Promise<Buffer | undefined>;

/** The texts of stored versions as they were indexed, `PART_CHUNKS` at a time: a version may be larger than memory. */
export class IndexedTexts {
  constructor(
    private readonly database: Database,
    private readonly cipher: ChunkCipher,
  ) {}

  /** The part that begins with an ordinal, a multiple of `PART_CHUNKS`; without those whose key is gone. */
  async part(tenantId: string, version: StoredVersion, first: number): Promise<readonly IndexedText[]> {
    const open: Open = async (sealed) => {
      const clear = await this.cipher.decrypt(tenantId, version.document_id, sealed);
      return clear === undefined ? undefined : Buffer.from(clear);
    };
    const [chunks, prefixOf] = await Promise.all([
      this.chunks(version.version_no, first, PART_CHUNKS),
      this.prefixes(version, first, open),
    ]);
    const texts = await Promise.all(
      chunks.map(async ({ ordinal, body }) => {
        const text = await open(body);
        return text === undefined
          ? undefined
          : { ordinal, text: indexedForm(prefixOf(ordinal), text.toString('utf8')) };
      }),
    );
    return texts.filter((text) => text !== undefined);
  }

  /** What stood before each chunk. Large versions have it part by part. */
  private async prefixes(version: StoredVersion, first: number, open: Open): Promise<(ordinal: number) => string> {
    const sealed = version.context ?? (await this.contextOf(version.version_no, first / PART_CHUNKS));
    const opened = sealed === undefined ? undefined : await open(sealed);
    if (opened !== undefined) {
      const prefixes = unpackPrefixes(opened);
      const base = version.context === null ? first : 0;
      return (ordinal) => prefixes[ordinal - base] ?? '';
    }
    // Versions from before contexts were kept have their document's opening before all but the first chunk.
    const [begin] = await this.chunks(version.version_no, 0, 1);
    const text = begin === undefined ? undefined : await open(begin.body);
    const opening = openingOf(text?.toString('utf8') ?? '');
    return (ordinal) => (ordinal === 0 ? '' : opening);
  }

  private async contextOf(versionNo: string, part: number): Promise<Uint8Array | undefined> {
    const [row] = await this.database.query<{ context: Uint8Array }>(
      'select context from retrieval.version_terms where version_no = $1 and part = $2 and context is not null',
      [versionNo, part],
    );
    return row?.context;
  }

  private chunks(versionNo: string, first: number, count: number) {
    return this.database.query<{ ordinal: number; body: Uint8Array }>(
      `select ordinal, body from retrieval.chunk
        where version_no = $1 and ordinal >= $2 and ordinal < $3 order by ordinal`,
      [versionNo, first, first + count],
    );
  }
}
