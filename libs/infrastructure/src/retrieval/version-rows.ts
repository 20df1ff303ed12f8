import { v5 as uuidV5 } from 'uuid';
import type { Chunk } from '#domain/kernel/text/chunker.js';
import { int8ArrayOf } from '#infra/database/binary-arrays.js';
import type { Database } from '#infra/database/database.js';
import { storable } from '#infra/database/jsonb.js';
import { pageColumns } from './chunk-pages.js';
import type { VersionRef } from './passage.js';
import type { Postings } from './postings.js';

const namespace = '6d0c2f5e-6f0b-5c5e-9c44-6a52b5a6f1d3';

/** The stable id of a chunk: uuid v5 of its document, version and ordinal. */
export function chunkIdOf(documentId: string, versionId: string, ordinal: number): string {
  return uuidV5(`${documentId}\n${versionId}\n${ordinal}`, namespace);
}

export async function insertVersion(
  database: Database,
  version: VersionRef,
  scopeNo: number,
  chunkCount: number,
  postings: Postings,
  context: Uint8Array | null,
): Promise<string> {
  const [row] = await database.query<{ version_no: string }>(
    `with made as (
       insert into retrieval.version
         (tenant_id, document_id, version_id, scope_no, chunk_count, term_count, metadata, context)
       values ($1, $2, $3, $4, $5, $6, $8::jsonb, decode($9::text, 'base64')) returning version_no)
     insert into retrieval.version_terms (version_no, terms) select version_no, $7::bigint[] from made
     returning version_no`,
    [
      version.tenantId,
      version.documentId,
      version.versionId,
      scopeNo,
      chunkCount,
      postings.total,
      int8ArrayOf([postings.distinct]),
      storable(version.metadata ?? {}),
      context === null ? null : Buffer.from(context).toString('base64'),
    ],
  );
  if (row === undefined) throw new Error('An inserted version did not come back.');
  return row.version_no;
}

export async function insertChunks(
  database: Database,
  version: VersionRef,
  versionNo: string,
  chunks: readonly Chunk[],
  bodies: readonly Uint8Array[],
  hashes: readonly (string | null)[],
): Promise<void> {
  await database.execute(
    `insert into retrieval.chunk (version_no, ordinal, chunk_id, start_at, end_at, body, text_hash,
                                 page_start, page_end, page_breaks)
     select $1, c.ordinal, c.chunk_id, c.start_at, c.end_at, decode(c.body, 'base64'), c.text_hash,
            c.page_start, c.page_end, c.page_breaks::int[]
       from unnest($2::int[], $3::uuid[], $4::int[], $5::int[], $6::text[], $7::uuid[],
                   $8::int[], $9::int[], $10::text[])
            c(ordinal, chunk_id, start_at, end_at, body, text_hash, page_start, page_end, page_breaks)`,
    [
      versionNo,
      chunks.map(({ ordinal }) => ordinal),
      chunks.map(({ ordinal }) => chunkIdOf(version.documentId, version.versionId, ordinal)),
      chunks.map(({ start }) => start),
      chunks.map(({ end }) => end),
      bodies.map((body) => Buffer.from(body).toString('base64')),
      hashes,
      ...pageColumns(chunks),
    ],
  );
}
