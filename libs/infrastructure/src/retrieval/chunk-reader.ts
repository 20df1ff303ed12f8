import type { PageSpan } from '#domain/kernel/text/page-span.js';
import type { Database } from '#infra/database/database.js';
import { storedPages, type PageColumns } from './chunk-pages.js';
import type { ChunkCipher } from './passage.js';
import { chunkIdOf } from './version-rows.js';

/** Where a chunk lies in its document; `start` and `end` are UTF-16 offsets of the document's text. */
export interface StoredChunk {
  readonly chunkId: string;
  readonly versionId: string;
  readonly ordinal: number;
  readonly start: number;
  readonly end: number;
  /** Null where the document has no pages. */
  readonly pages: PageSpan | null;
}

export interface OpenChunk extends StoredChunk {
  readonly text: string;
  /** The chunks before and after it; null at the ends. */
  readonly previousId: string | null;
  readonly nextId: string | null;
}

interface Row extends PageColumns {
  readonly chunk_id: string;
  readonly version_id: string;
  readonly ordinal: number;
  readonly start_at: number;
  readonly end_at: number;
}

const columns = 'c.chunk_id, v.version_id, c.ordinal, c.start_at, c.end_at, c.page_start, c.page_end, c.page_breaks';
const from = 'retrieval.version v join retrieval.chunk c on c.version_no = v.version_no';

/** Reads the chunks of a document; whether the caller may see the document, and which version answers, others know. */
export class ChunkReader {
  constructor(
    private readonly database: Database,
    private readonly cipher: ChunkCipher,
  ) {}

  /** The chunks of a version after an ordinal, in their order; `documentUid` is the document's internal id. */
  async list(
    version: { readonly tenantId: string; readonly documentUid: string; readonly versionId: string },
    after: number,
    limit: number,
  ): Promise<readonly StoredChunk[]> {
    const rows = await this.database.query<Row>(
      `select ${columns} from ${from}
        where v.tenant_id = $1 and v.document_id = $2 and v.version_id = $3 and c.ordinal > $4
        order by c.ordinal limit $5`,
      [version.tenantId, version.documentUid, version.versionId, after, limit],
    );
    return rows.map(chunkOf);
  }

  /** A chunk of any version that is still stored, with its text; undefined when it, or its key, is gone. */
  async find(tenantId: string, documentUid: string, chunkId: string): Promise<OpenChunk | undefined> {
    const [row] = await this.database.query<Row & { body: Buffer; chunk_count: number }>(
      `select ${columns}, c.body, v.chunk_count from ${from}
        where v.tenant_id = $1 and v.document_id = $2 and c.chunk_id = $3`,
      [tenantId, documentUid, chunkId],
    );
    if (row === undefined) return undefined;
    const text = await this.cipher.decrypt(tenantId, documentUid, row.body);
    if (text === undefined) return undefined;
    const at = (ordinal: number): string | null =>
      ordinal < 0 || ordinal >= row.chunk_count ? null : chunkIdOf(documentUid, row.version_id, ordinal);
    return {
      ...chunkOf(row),
      text: new TextDecoder().decode(text),
      previousId: at(row.ordinal - 1),
      nextId: at(row.ordinal + 1),
    };
  }
}

function chunkOf(row: Row): StoredChunk {
  const { chunk_id, version_id, ordinal, start_at, end_at } = row;
  const pages = storedPages(row);
  return { chunkId: chunk_id, versionId: version_id, ordinal, start: start_at, end: end_at, pages };
}
