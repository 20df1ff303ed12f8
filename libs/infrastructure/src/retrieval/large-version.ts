import type { Chunk } from '#domain/kernel/text/chunker.js';
import { newMeter } from '#infra/adapters/embedding/embedder.js';
import { int8ArrayOf } from '#infra/database/binary-arrays.js';
import type { Database } from '#infra/database/database.js';
import { storable } from '#infra/database/jsonb.js';
import type { ChunkVectors } from './chunk-vectors.js';
import type { EmbeddingSpaces } from './embedding-space.js';
import { indexedForm, packPrefixes, prefixOf } from './index-context.js';
import type { ChunkCipher, VersionRef } from './passage.js';
import type { ScopeSpaces, Target } from './scope-spaces.js';
import type { SegmentMerges } from './segment-merges.js';
import { insertPostings } from './segments.js';
import type { TextThread } from './text-thread.js';
import { insertVectorRows, turn } from './vectors.js';
import { insertChunks } from './version-rows.js';

export interface LargeVersionsOptions {
  readonly database: Database;
  readonly cipher: ChunkCipher;
  readonly texts: Pick<TextThread, 'count'>;
  readonly spaces: EmbeddingSpaces;
  readonly scopes: ScopeSpaces;
  readonly vectors: ChunkVectors;
  readonly merges: SegmentMerges;
  /** Removes what there is of a version, in the caller's transaction. */
  readonly remove: (version: VersionRef) => Promise<unknown>;
}

/** The chunks of a large version, which can be gone through again, and who hears how many are written. */
export interface ChunkParts {
  /** Parts of `PART_CHUNKS`, the last one of fewer. */
  parts(): Iterable<readonly Chunk[]>;
  readonly context: string;
  readonly signal: AbortSignal;
  readonly onWritten: (chunks: number) => Promise<void>;
}

interface Begun {
  readonly version: VersionRef;
  readonly scopeNo: number;
  readonly versionNo: string;
  readonly targets: readonly Target[];
}

/** Chunks that are embedded and stored together. */
export const PART_CHUNKS = 256;

/**
 * Writes versions that are too large for memory and for one transaction. A version that is not finished answers nothing,
 * is embedded for no other model, and is removed by the next attempt or by the sweep.
 */
export class LargeVersions {
  constructor(private readonly options: LargeVersionsOptions) {}

  /** Embeds, seals and stores part by part. Begins again when the corpus gets another model meanwhile. */
  async write(version: VersionRef, given: ChunkParts) {
    const { tenantId, corpusId } = version;
    const scopeNo = await this.options.spaces.scope(tenantId, corpusId);
    const meter = newMeter();
    for (;;) {
      const targets = await this.options.scopes.targets(tenantId, corpusId, scopeNo, true);
      const begun = await this.begin(version, scopeNo, targets);
      const counts = { chunks: 0, terms: 0 };
      for (const chunks of given.parts()) {
        given.signal.throwIfAborted();
        counts.terms += await this.add(begun, chunks, given, { tenantId, meter, signal: given.signal });
        counts.chunks += chunks.length;
        await given.onWritten(counts.chunks);
        await turn();
      }
      const [first] = targets;
      if (first !== undefined && (await this.finish(begun, counts))) {
        const space = `${first.embedder.model}/${first.embedder.dimension}`;
        return { ...counts, space, truncated: meter.truncated };
      }
    }
  }

  private async begin(version: VersionRef, scopeNo: number, targets: readonly Target[]): Promise<Begun> {
    const { database, remove } = this.options;
    const versionNo = await database.transaction(async () => {
      await remove(version);
      const [row] = await database.query<{ version_no: string }>(
        `insert into retrieval.version
           (tenant_id, document_id, version_id, scope_no, chunk_count, term_count, metadata, finished)
         values ($1, $2, $3, $4, 0, 0, $5::jsonb, false) returning version_no`,
        [version.tenantId, version.documentId, version.versionId, scopeNo, storable(version.metadata ?? {})],
      );
      if (row === undefined) throw new Error('An inserted version did not come back.');
      await database.execute(
        'insert into retrieval.version_space (version_no, space_no) select $1, unnest($2::int[])',
        [row.version_no, targets.map(({ space }) => space.spaceNo)],
      );
      return row.version_no;
    });
    return { version, scopeNo, versionNo, targets };
  }

  /** Stores one part; how many terms it has. Fails on the foreign key where the version was removed meanwhile. */
  private async add(
    { version, scopeNo, versionNo, targets }: Begun,
    chunks: readonly Chunk[],
    { context }: ChunkParts,
    embedding: Parameters<ChunkVectors['of']>[2],
  ): Promise<number> {
    const { database, texts: counter, vectors, merges } = this.options;
    const prefixes = chunks.map((chunk) => prefixOf(chunk, context));
    const texts = chunks.map(({ text }, at) => indexedForm(prefixes[at] ?? '', text));
    const ordinals = chunks.map(({ ordinal }) => ordinal);
    const postings = await counter.count(version.tenantId, ordinals, texts);
    const bodies = await Promise.all(chunks.map(({ text }) => this.seal(version, Buffer.from(text, 'utf8'))));
    const sealedContext = Buffer.from(await this.seal(version, packPrefixes(prefixes)));
    const embedders = targets.map(({ embedder }) => embedder);
    const hashes = vectors.hashes(version.tenantId, texts, embedders);
    const made = new Map<Target, readonly Float32Array[]>();
    for (const target of targets) made.set(target, await vectors.of(texts, target, embedding));
    const part = Math.floor((ordinals[0] ?? 0) / PART_CHUNKS);
    let segments = 0;
    await database.transaction(async () => {
      await insertChunks(database, version, versionNo, chunks, bodies, hashes);
      for (const [{ space }, list] of made)
        await insertVectorRows(database, scopeNo, versionNo, { space, ordinals, vectors: list });
      segments = await insertPostings(database, scopeNo, versionNo, postings);
      await database.execute(
        'insert into retrieval.version_terms (version_no, part, terms, context) values ($1, $2, $3::bigint[], $4)',
        [versionNo, part, int8ArrayOf([postings.distinct]), sealedContext],
      );
    });
    merges.added(scopeNo, segments);
    await merges.settle(scopeNo);
    return postings.total;
  }

  /** False when the scope is written in other spaces than the version has. */
  private async finish({ scopeNo, versionNo, targets }: Begun, counts: { chunks: number; terms: number }) {
    const { database, scopes } = this.options;
    return database.transaction(async () => {
      // From here the scope's spaces stay what they are.
      await database.query('select 1 from retrieval.scope where scope_no = $1 for key share', [scopeNo]);
      const wanted = await scopes.numbers(scopeNo);
      const known = targets.filter(({ space }) => wanted.includes(space.spaceNo));
      if (known.length < Math.max(1, wanted.length, targets.length)) return false;
      const finished = await database.execute(
        'update retrieval.version set chunk_count = $2, term_count = $3, finished = true where version_no = $1',
        [versionNo, counts.chunks, counts.terms],
      );
      if (finished !== 1) throw new Error('The version was removed while it was being written.');
      return true;
    });
  }

  private seal({ tenantId, documentId, subjectId }: VersionRef, bytes: Uint8Array): Promise<Uint8Array> {
    return this.options.cipher.encrypt(tenantId, documentId, bytes, subjectId);
  }
}
