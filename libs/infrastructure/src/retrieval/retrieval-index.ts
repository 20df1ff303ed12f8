import type { JsonObject } from '#domain/kernel/schema.js';
import type { Chunk } from '#domain/kernel/text/chunker.js';
import { newMeter, type Embedder } from '#infra/adapters/embedding/embedder.js';
import type { Database } from '#infra/database/database.js';
import { storable } from '#infra/database/jsonb.js';
import { ChunkVectors } from './chunk-vectors.js';
import { oneEmbedder, type CorpusEmbeddings } from './corpus-embeddings.js';
import { EmbeddingSpaces } from './embedding-space.js';
import { GroupWrite, isSmall } from './group-write.js';
import { indexedForm, packPrefixes, prefixOf } from './index-context.js';
import { LargeVersions, type ChunkParts } from './large-version.js';
import type { ChunkCipher, VersionRef } from './passage.js';
import type { Postings } from './postings.js';
import { ScopeSpaces, type Target } from './scope-spaces.js';
import { SegmentMerges } from './segment-merges.js';
import { holdSegments, insertPostings, removePostings } from './segments.js';
import type { TermHasher } from './term-hasher.js';
import type { TextThread } from './text-thread.js';
import { insertChunks, insertVersion } from './version-rows.js';
import { insertVectors, turn } from './vectors.js';

export interface RetrievalIndexOptions {
  readonly database: Database;
  /** That of every corpus, unless `embeddings` tells corpora apart. */
  readonly embedder: Embedder;
  readonly embeddings?: CorpusEmbeddings;
  readonly cipher: ChunkCipher;
  readonly hasher: TermHasher;
  readonly texts: Pick<TextThread, 'count'>;
  readonly spaces?: EmbeddingSpaces;
  /** Hears of upkeep that failed, and is tried again. */
  readonly onError?: (error: unknown, where: string) => void;
}

interface SealedTexts {
  readonly bodies: readonly Uint8Array[];
  readonly context: Uint8Array | null;
}

/** All that one transaction writes. */
interface VersionParts {
  readonly chunks: readonly Chunk[];
  readonly sealed: SealedTexts;
  readonly hashes: readonly (string | null)[];
  readonly postings: Postings;
  readonly targets: readonly Target[];
  readonly vectors: ReadonlyMap<number, readonly Float32Array[]>;
}

export interface WriteOptions {
  /** Words of the document that belong to every chunk, e.g. its title; indexed with each, never part of a chunk's text. */
  readonly context?: string;
  readonly signal?: AbortSignal;
}

export interface Written {
  readonly chunks: number;
  readonly terms: number;
  /** The model and dimension of the vectors. */
  readonly space: string;
  /** Chunks that were longer than the model reads, and were cut for it. */
  readonly truncated: number;
}

/** A version that is in the index, for the sweeper. */
export interface StoredVersion {
  readonly tenantId: string;
  readonly documentId: string;
  readonly versionId: string;
}

const contextLength = 200;
/** Keeps the parameters of one insert at a few megabytes. */
const rowsAtOnce = 250;

/** The opening of a text, at most 200 characters: what a later chunk is about, as far as the text itself says. */
export function openingOf(text: string): string {
  const opening = text.trimStart().split(/\r?\n[^\S\r\n]*\r?\n/u, 1)[0] ?? '';
  return opening.slice(0, contextLength).toWellFormed();
}

/** Writes and removes what can be found. What it writes is invisible until the documents read model names the version. */
export class RetrievalIndex {
  readonly spaces: EmbeddingSpaces;
  private readonly scopes: ScopeSpaces;
  private readonly vectors: ChunkVectors;
  private readonly merges: SegmentMerges;
  private readonly group: GroupWrite;
  private readonly large: LargeVersions;
  private readonly database: Database;

  constructor(private readonly options: RetrievalIndexOptions) {
    this.database = options.database;
    this.spaces = options.spaces ?? new EmbeddingSpaces(options.database);
    const embeddings = options.embeddings ?? oneEmbedder(options.embedder);
    this.scopes = new ScopeSpaces(options.database, this.spaces, embeddings);
    this.vectors = new ChunkVectors(options.database, options.hasher);
    const { database, cipher, texts } = options;
    this.merges = new SegmentMerges(database, (error) => options.onError?.(error, 'merging postings'));
    this.group = new GroupWrite(database, this.merges);
    const { spaces, scopes, vectors, merges } = this;
    const parts = { database, cipher, texts, spaces, scopes, vectors, merges };
    const remove = (version: VersionRef) =>
      this.remove(version.tenantId, version.documentId, version.versionId, 'only');
    this.large = new LargeVersions({ ...parts, remove });
  }

  /** As `write`, part by part: neither memory nor a transaction grows with the number of chunks. */
  writeParts(version: VersionRef, parts: ChunkParts): Promise<Written> {
    return this.large.write(version, parts);
  }

  /** Embeds, seals and stores the chunks in one short transaction; a repeated call replaces what the first one wrote. */
  async write(version: VersionRef, chunks: readonly Chunk[], options: WriteOptions = {}): Promise<Written> {
    const { tenantId, corpusId } = version;
    const scopeNo = await this.spaces.scope(tenantId, corpusId);
    return this.writeIn(scopeNo, version, chunks, options).finally(this.merges.writing(scopeNo));
  }

  /** Merges what was written in a corpus, where that is due. For who has written, once others see it: it may take seconds. */
  async tidy(tenantId: string, corpusId: string): Promise<void> {
    await this.merges.settle(await this.spaces.scope(tenantId, corpusId));
  }

  private async writeIn(
    scopeNo: number,
    version: VersionRef,
    chunks: readonly Chunk[],
    options: WriteOptions,
  ): Promise<Written> {
    const { tenantId, corpusId } = version;
    const prefixes = chunks.map((chunk) => prefixOf(chunk, options.context ?? ''));
    const texts = chunks.map(({ text }, at) => indexedForm(prefixes[at] ?? '', text));
    const ordinals = chunks.map(({ ordinal }) => ordinal);
    const postings = await this.options.texts.count(tenantId, ordinals, texts);
    const sealed = await this.seal(version, chunks, prefixes);
    const meter = newMeter();
    const context = { tenantId, meter, ...(options.signal && { signal: options.signal }) };
    const vectors = new Map<number, readonly Float32Array[]>();
    for (let fresh = false; ; fresh = true) {
      const targets = await this.scopes.targets(tenantId, corpusId, scopeNo, fresh);
      for (const target of targets)
        if (!vectors.has(target.space.spaceNo))
          vectors.set(target.space.spaceNo, await this.vectors.of(texts, target, context));
      const hashes = this.vectors.hashes(
        tenantId,
        texts,
        targets.map(({ embedder }) => embedder),
      );
      options.signal?.throwIfAborted();
      const written = await this.store(version, scopeNo, { chunks, sealed, hashes, postings, targets, vectors });
      const [first] = targets;
      // A space was added meanwhile: what this version lacks there is made, and it is written again.
      if (written && first !== undefined) {
        const space = `${first.embedder.model}/${first.embedder.dimension}`;
        return { chunks: chunks.length, terms: postings.total, space, truncated: meter.truncated };
      }
    }
  }

  /** False, with nothing written, when the scope has a target for which there are no vectors. */
  private async store(version: VersionRef, scopeNo: number, parts: VersionParts): Promise<boolean> {
    if (!isSmall(parts.chunks) || this.database.inTransaction) return this.storeAlone(version, scopeNo, parts);
    const { chunks, sealed, hashes, postings, targets, vectors } = parts;
    const spaces = targets.map(({ space }) => ({ space, vectors: vectors.get(space.spaceNo) ?? [] }));
    const outcome = await this.group.add({ version, scopeNo, chunks, ...sealed, hashes, postings, spaces });
    return outcome === 'there' ? this.storeAlone(version, scopeNo, parts) : outcome === 'written';
  }

  private async storeAlone(version: VersionRef, scopeNo: number, parts: VersionParts): Promise<boolean> {
    const { chunks, sealed, hashes, postings, targets, vectors } = parts;
    const ordinals = chunks.map(({ ordinal }) => ordinal);
    const lacks = new Error('the scope has another space');
    try {
      await this.database.transaction(async () => {
        await this.remove(version.tenantId, version.documentId, version.versionId, 'only');
        // From here the scope's row is held, so that its targets stay what they are.
        const versionNo = await insertVersion(this.database, version, scopeNo, chunks.length, postings, sealed.context);
        const wanted = await this.scopes.numbers(scopeNo);
        const known = targets.filter(({ space }) => wanted.includes(space.spaceNo));
        if (known.length < wanted.length || known.length === 0) throw lacks;
        for (let at = 0; at < chunks.length; at += rowsAtOnce) {
          const part = <T>(list: readonly T[]): T[] => list.slice(at, at + rowsAtOnce);
          await insertChunks(this.database, version, versionNo, part(chunks), part(sealed.bodies), part(hashes));
          await turn();
        }
        for (const { space } of known)
          await insertVectors(this.database, scopeNo, versionNo, {
            space,
            ordinals,
            vectors: vectors.get(space.spaceNo) ?? [],
          });
        this.merges.added(scopeNo, await insertPostings(this.database, scopeNo, versionNo, postings));
      });
      return true;
    } catch (error) {
      if (error !== lacks) throw error;
      return false;
    }
  }

  private async seal(version: VersionRef, chunks: readonly Chunk[], prefixes: readonly string[]): Promise<SealedTexts> {
    const { tenantId, documentId, subjectId } = version;
    const seal = (bytes: Uint8Array) => this.options.cipher.encrypt(tenantId, documentId, bytes, subjectId);
    const bodies = await Promise.all(chunks.map(({ text }) => seal(Buffer.from(text, 'utf8'))));
    // One chunk with nothing before it needs no record of that.
    const plain = chunks.length < 2 && prefixes.every((prefix) => prefix === '');
    return { bodies, context: plain ? null : await seal(packPrefixes(prefixes)) };
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

  /** Puts another metadata beside every written version of a document. */
  async describe(tenantId: string, documentId: string, metadata: JsonObject): Promise<void> {
    await this.database.execute(
      'update retrieval.version set metadata = $3::jsonb where tenant_id = $1 and document_id = $2',
      [tenantId, documentId, storable(metadata)],
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
    const named = 'v.tenant_id = $1 and v.document_id = $2 and ($3::text is null or (v.version_id = $3) = $4)';
    const values = [tenantId, documentId, versionId ?? null, which === 'only'];
    const held = await holdSegments(this.database, `select v.scope_no from retrieval.version v where ${named}`, values);
    if (!held) return 0;
    const doomed = await this.database.query<{ version_no: string; scope_no: number }>(
      `delete from retrieval.version v where ${named} returning v.version_no, v.scope_no`,
      values,
    );
    for (const { version_no, scope_no } of doomed) await removePostings(this.database, [scope_no], version_no);
    return doomed.length;
  }
}
