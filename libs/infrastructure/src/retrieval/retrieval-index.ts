import { v5 as uuidV5 } from 'uuid';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { Chunk } from '#domain/kernel/text/chunker.js';
import type { Embedder } from '#infra/adapters/embedding/embedder.js';
import type { Database } from '#infra/database/database.js';
import { EmbeddingSpaces, vectorText, type EmbeddingSpace } from './embedding-space.js';
import type { ChunkCipher, VersionRef } from './passage.js';
import { postingsOf, type Posting, type Postings } from './postings.js';
import type { TermHasher } from './term-hasher.js';

export interface RetrievalIndexOptions {
  readonly database: Database;
  readonly embedder: Embedder;
  readonly cipher: ChunkCipher;
  readonly hasher: TermHasher;
  readonly spaces?: EmbeddingSpaces;
}

export interface WriteOptions {
  /** Words of the document that belong to every chunk, e.g. its title; indexed with each, never part of a chunk's text. */
  readonly context?: string;
  readonly signal?: AbortSignal;
}

export interface Written {
  readonly chunks: number;
  readonly terms: number;
}

/** A version that is in the index, for the sweeper. */
export interface StoredVersion {
  readonly tenantId: string;
  readonly documentId: string;
  readonly versionId: string;
}

const namespace = '6d0c2f5e-6f0b-5c5e-9c44-6a52b5a6f1d3';
const contextLength = 200;
/** Keeps the parameters of one insert at a few megabytes. */
const rowsAtOnce = 250;
const postingsAtOnce = 5_000;

/** The stable id of a chunk: uuid v5 of its document, version and ordinal. */
export function chunkIdOf(documentId: string, versionId: string, ordinal: number): string {
  return uuidV5(`${documentId}\n${versionId}\n${ordinal}`, namespace);
}

/** The opening of a text, at most 200 characters: what a later chunk is about, as far as the text itself says. */
export function openingOf(text: string): string {
  const opening = text.trimStart().split(/\r?\n[^\S\r\n]*\r?\n/u, 1)[0] ?? '';
  return opening.slice(0, contextLength).toWellFormed();
}

/** Writes and removes what can be found. What it writes is invisible until the documents read model names the version. */
export class RetrievalIndex {
  readonly spaces: EmbeddingSpaces;
  private readonly database: Database;

  constructor(private readonly options: RetrievalIndexOptions) {
    this.database = options.database;
    this.spaces = options.spaces ?? new EmbeddingSpaces(options.database);
  }

  /** Embeds, seals and stores the chunks in one short transaction; a repeated call replaces what the first one wrote. */
  async write(version: VersionRef, chunks: readonly Chunk[], options: WriteOptions = {}): Promise<Written> {
    const { embedder, cipher } = this.options;
    const space = await this.spaces.space(embedder.model, embedder.dimension);
    const scopeNo = await this.spaces.scope(version.tenantId, version.corpusId);
    const texts = chunks.map((chunk) => indexText(chunk, options.context ?? ''));
    const { tenantId } = version;
    const vectors = await embedder.embed(texts, { tenantId, ...(options.signal && { signal: options.signal }) });
    checkVectors(vectors, chunks.length, space.dimension);
    const bodies = await Promise.all(
      chunks.map(({ text }) =>
        cipher.encrypt(version.tenantId, version.documentId, Buffer.from(text, 'utf8'), version.subjectId),
      ),
    );
    const postings = postingsOf(this.options.hasher, version.tenantId, chunks, texts);
    options.signal?.throwIfAborted();
    await this.database.transaction(async () => {
      await this.remove(version.tenantId, version.documentId, version.versionId, 'only');
      const versionNo = await this.insertVersion(version, scopeNo, space, chunks.length, postings);
      for (let at = 0; at < chunks.length; at += rowsAtOnce) {
        const part = <T>(list: readonly T[]): T[] => list.slice(at, at + rowsAtOnce);
        await this.insertChunks(version, versionNo, part(chunks), part(bodies));
        await this.insertVectors(space, scopeNo, versionNo, part(chunks), part(vectors));
        await turn();
      }
      for (let at = 0; at < postings.rows.length; at += postingsAtOnce) {
        await this.insertPostings(scopeNo, versionNo, postings.rows.slice(at, at + postingsAtOnce));
        await turn();
      }
    });
    return { chunks: chunks.length, terms: postings.total };
  }

  /** Removes the versions of a document but the one to keep, if any; how many there were. */
  async dropVersions(tenantId: string, documentId: string, keepVersionId?: string): Promise<number> {
    return this.database.transaction(() => this.remove(tenantId, documentId, keepVersionId, 'except'));
  }

  /** The versions of a document that are written now. */
  async versionsOf(tenantId: string, documentId: string): Promise<string[]> {
    const text = 'select version_id from retrieval.version where tenant_id = $1 and document_id = $2';
    return (await this.database.query<{ version_id: string }>(text, [tenantId, documentId])).map(
      (row) => row.version_id,
    );
  }

  async dropVersion(tenantId: string, documentId: string, versionId: string): Promise<void> {
    await this.database.transaction(() => this.remove(tenantId, documentId, versionId, 'only'));
  }

  /**
   * Removes versions older than `graceSeconds` that `isCurrent` does not claim, e.g. of a job that died before its event.
   * Returns how many. The grace keeps what is being written now.
   */
  async sweep(
    isCurrent: (versions: readonly StoredVersion[]) => Promise<readonly boolean[]>,
    graceSeconds = 3600,
  ): Promise<number> {
    let removed = 0;
    let after = '0';
    for (;;) {
      const rows = await this.database.query<Record<'version_no' | 'tenant_id' | 'document_id' | 'version_id', string>>(
        `select version_no, tenant_id, document_id, version_id from retrieval.version
          where version_no > $1 and written_at <= now() - make_interval(secs => $2) order by version_no limit 500`,
        [after, graceSeconds],
      );
      const last = rows.at(-1);
      if (last === undefined) return removed;
      after = last.version_no;
      const current = await isCurrent(
        rows.map((row) => ({ tenantId: row.tenant_id, documentId: row.document_id, versionId: row.version_id })),
      );
      for (const [at, row] of rows.entries()) {
        if (current[at] !== false) continue;
        removed += await this.database.transaction(() =>
          this.remove(row.tenant_id, row.document_id, row.version_id, 'only'),
        );
      }
    }
  }

  private async remove(
    tenantId: string,
    documentId: string,
    versionId: string | undefined,
    which: 'only' | 'except',
  ): Promise<number> {
    const doomed = await this.database.query<{ version_no: string; scope_no: number }>(
      `delete from retrieval.version
        where tenant_id = $1 and document_id = $2 and ($3::text is null or (version_id = $3) = $4)
        returning version_no, scope_no`,
      [tenantId, documentId, versionId ?? null, which === 'only'],
    );
    for (const { version_no, scope_no } of doomed)
      await this.database.execute(
        `with held as (delete from retrieval.version_terms where version_no = $1 returning terms)
         delete from retrieval.posting
          where scope_no = $2 and version_no = $1 and term in (select unnest(terms) from held)`,
        [version_no, scope_no],
      );
    return doomed.length;
  }

  private async insertVersion(
    version: VersionRef,
    scopeNo: number,
    space: EmbeddingSpace,
    chunkCount: number,
    postings: Postings,
  ): Promise<string> {
    const [row] = await this.database.query<{ version_no: string }>(
      `with made as (
         insert into retrieval.version
           (tenant_id, document_id, version_id, scope_no, space_no, chunk_count, term_count, metadata)
         values ($1, $2, $3, $4, $5, $6, $7, $9::jsonb) returning version_no)
       insert into retrieval.version_terms (version_no, terms) select version_no, $8::bigint[] from made
       returning version_no`,
      [
        version.tenantId,
        version.documentId,
        version.versionId,
        scopeNo,
        space.spaceNo,
        chunkCount,
        postings.total,
        postings.terms.map(String),
        storable(version.metadata ?? {}),
      ],
    );
    if (row === undefined) throw new Error('An inserted version did not come back.');
    return row.version_no;
  }

  private async insertChunks(
    version: VersionRef,
    versionNo: string,
    chunks: readonly Chunk[],
    bodies: readonly Uint8Array[],
  ): Promise<void> {
    await this.database.execute(
      `insert into retrieval.chunk (version_no, ordinal, chunk_id, start_at, end_at, body)
       select $1, c.ordinal, c.chunk_id, c.start_at, c.end_at, decode(c.body, 'base64')
         from unnest($2::int[], $3::uuid[], $4::int[], $5::int[], $6::text[]) c(ordinal, chunk_id, start_at, end_at, body)`,
      [
        versionNo,
        chunks.map(({ ordinal }) => ordinal),
        chunks.map(({ ordinal }) => chunkIdOf(version.documentId, version.versionId, ordinal)),
        chunks.map(({ start }) => start),
        chunks.map(({ end }) => end),
        bodies.map((body) => Buffer.from(body).toString('base64')),
      ],
    );
  }

  private async insertVectors(
    space: EmbeddingSpace,
    scopeNo: number,
    versionNo: string,
    chunks: readonly Chunk[],
    vectors: readonly Float32Array[],
  ): Promise<void> {
    await this.database.execute(
      `insert into ${space.table} (scope_no, version_no, ordinal, embedding)
       select $1, $2, v.ordinal, v.embedding::${space.type}
         from unnest($3::int[], $4::text[]) v(ordinal, embedding)`,
      [scopeNo, versionNo, chunks.map(({ ordinal }) => ordinal), vectors.map(vectorText)],
    );
  }

  private async insertPostings(scopeNo: number, versionNo: string, rows: readonly Posting[]): Promise<void> {
    await this.database.execute(
      `insert into retrieval.posting (scope_no, term, version_no, block, hits)
       select $1, p.term, $2, p.block, p.hits::bigint[]
         from unnest($3::bigint[], $4::int[], $5::text[]) p(term, block, hits)`,
      [
        scopeNo,
        versionNo,
        rows.map(({ term }) => String(term)),
        rows.map(({ block }) => block),
        rows.map(({ hits }) => `{${hits.join(',')}}`),
      ],
    );
  }
}

/** What `jsonb` cannot hold (NUL, half a surrogate pair) becomes the replacement character. */
function storable(metadata: JsonObject): string {
  return JSON.stringify(metadata, (_, value: unknown) =>
    typeof value === 'string' ? value.replaceAll('\u0000', '\ufffd').toWellFormed() : value,
  );
}

/** The embedded engine answers at once: without a turn of the event loop a long text would stop all that needs no database. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The first chunk holds the opening already. */
function indexText(chunk: Chunk, context: string): string {
  return context === '' || chunk.ordinal === 0 ? chunk.text : `${context}\n${chunk.text}`;
}

function checkVectors(vectors: readonly Float32Array[], count: number, dimension: number): void {
  const sound = (vector: Float32Array): boolean => vector.length === dimension && vector.every(Number.isFinite);
  if (vectors.length === count && vectors.every(sound)) return;
  throw new Error('The embedder gave vectors of another number, dimension, or that are not finite.');
}
