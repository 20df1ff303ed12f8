import type { EmbeddingChoice } from '#domain/kernel/embedding.js';
import type { Embedders } from '#infra/adapters/embedding/embedders.js';
import type { Database } from '#infra/database/database.js';
import type { ChunkVectors } from './chunk-vectors.js';
import { spaceOf, type EmbeddingSpace, type EmbeddingSpaces } from './embedding-space.js';
import { IndexedTexts, type StoredVersion } from './indexed-texts.js';
import { PART_CHUNKS } from './large-version.js';
import type { ChunkCipher } from './passage.js';
import type { ScopeSpaces, Target } from './scope-spaces.js';
import type { VectorIndexes } from './vector-indexes.js';
import { insertVectorRows } from './vectors.js';

export interface ReembeddingOptions {
  readonly database: Database;
  readonly embedders: Embedders;
  readonly spaces: EmbeddingSpaces;
  readonly scopes: ScopeSpaces;
  readonly vectors: ChunkVectors;
  readonly indexes: VectorIndexes;
  readonly cipher: ChunkCipher;
}

export interface CorpusPlace {
  readonly tenantId: string;
  readonly corpusId: string;
}

interface WaitingVersion extends StoredVersion {
  readonly chunk_count: number;
  /** The chunks below have vectors already. */
  readonly embedded_below: number;
}

/** What is embedded of a version at one time. */
interface Part {
  readonly version: WaitingVersion;
  readonly texts: readonly string[];
  readonly ordinals: readonly number[];
}

/** Versions of one chunk fill a request as well as one of many. */
const versionsAtOnce = PART_CHUNKS;

/** Gives what a corpus holds vectors of another model, beside those that answer; of a large version part by part. */
export class Reembedding {
  private readonly texts: IndexedTexts;

  constructor(private readonly options: ReembeddingOptions) {
    this.texts = new IndexedTexts(options.database, options.cipher);
  }

  /** From now on what is written to the corpus gets vectors of this choice too. */
  async begin({ tenantId, corpusId }: CorpusPlace, choice: EmbeddingChoice): Promise<void> {
    const scopeNo = await this.options.spaces.scope(tenantId, corpusId);
    // Those that answer now stay a target, also of a corpus to which nothing was written yet.
    await this.options.scopes.targets(tenantId, corpusId, scopeNo, true);
    const { space } = await this.target(choice);
    await this.options.scopes.add(scopeNo, space);
  }

  /**
   * Embeds some versions, or a part of a large one, that have no vectors of the choice yet; false when there were none.
   * Throws when what is written to the corpus gets no such vectors (any more): whoever wants them begins again.
   */
  async advance({ tenantId, corpusId }: CorpusPlace, choice: EmbeddingChoice, signal: AbortSignal): Promise<boolean> {
    const scopeNo = await this.options.spaces.scope(tenantId, corpusId);
    const target = await this.target(choice);
    const waiting = await this.waiting(scopeNo, target.space);
    const parts: Part[] = [];
    for (const version of waiting) {
      signal.throwIfAborted();
      parts.push(await this.partOf(tenantId, version));
    }
    const texts = parts.flatMap((part) => part.texts);
    const vectors = texts.length === 0 ? [] : await this.options.vectors.of(texts, target, { tenantId, signal });
    let at = 0;
    // What has its vectors is written, also when the attempt is to end by now.
    for (const part of parts)
      await this.write(tenantId, scopeNo, part, target, vectors.slice(at, (at += part.texts.length)));
    if (!(await this.options.scopes.numbers(scopeNo)).includes(target.space.spaceNo))
      throw new Error('What is written to the corpus gets no vectors of the model that was asked for.');
    return waiting.length > 0;
  }

  /** Builds the index of the new vectors where their number asks for one, before anybody searches in them. */
  async prepare({ tenantId, corpusId }: CorpusPlace, choice: EmbeddingChoice): Promise<void> {
    const scopeNo = await this.options.spaces.scope(tenantId, corpusId);
    await this.options.indexes.ensureFor((await this.target(choice)).space, scopeNo);
  }

  /** How many versions and chunks there are, and how many versions have vectors of the choice. */
  async progress(
    { tenantId, corpusId }: CorpusPlace,
    choice: EmbeddingChoice,
  ): Promise<{ readonly versions: number; readonly embedded: number; readonly chunks: number }> {
    const scopeNo = (await this.options.spaces.findScope(tenantId, corpusId)) ?? -1;
    const { space } = await this.target(choice);
    const [row] = await this.options.database.query<{ versions: number; embedded: number; chunks: number }>(
      `select count(*)::int as versions,
                count(*) filter (where s.version_no is not null and s.embedded_below is null)::int as embedded,
                coalesce(sum(v.chunk_count), 0)::int as chunks
         from retrieval.version v
         left join retrieval.version_space s on s.version_no = v.version_no and s.space_no = $2
        where v.scope_no = $1`,
      [scopeNo, space.spaceNo],
    );
    return row ?? { versions: 0, embedded: 0, chunks: 0 };
  }

  /** Ends every other target and drops its vectors; how many versions had some. */
  async keepOnly({ tenantId, corpusId }: CorpusPlace, choices: readonly EmbeddingChoice[]): Promise<number> {
    const scopeNo = await this.options.spaces.scope(tenantId, corpusId);
    const keep = await Promise.all(choices.map(async (choice) => (await this.target(choice)).space));
    let dropped = 0;
    for (const spaceNo of await this.options.scopes.keepOnly(scopeNo, keep)) {
      const space = await this.spaceOf(spaceNo);
      for (let some = await this.drop(scopeNo, space); some > 0; some = await this.drop(scopeNo, space))
        dropped += some;
      await this.options.indexes.dropFor(space, scopeNo);
    }
    return dropped;
  }

  private async target(choice: EmbeddingChoice): Promise<Target> {
    const embedder = this.options.embedders.of(choice);
    return { embedder, space: await this.options.spaces.space(embedder.model, embedder.dimension) };
  }

  private async waiting(scopeNo: number, space: EmbeddingSpace): Promise<readonly WaitingVersion[]> {
    const found = await this.options.database.query<WaitingVersion>(
      `select v.version_no, v.document_id, v.context, v.chunk_count, coalesce(s.embedded_below, 0) as embedded_below
         from retrieval.version v
         left join retrieval.version_space s on s.version_no = v.version_no and s.space_no = $2
        where v.scope_no = $1 and v.finished and (s.version_no is null or s.embedded_below is not null)
        order by v.version_no limit ${versionsAtOnce}`,
      [scopeNo, space.spaceNo],
    );
    let chunks = 0;
    return found.filter(({ chunk_count }, at) => (chunks += chunk_count) <= PART_CHUNKS || at === 0);
  }

  /** A version's next part. One whose key is gone has nothing that could be embedded. */
  private async partOf(tenantId: string, version: WaitingVersion): Promise<Part> {
    const part = await this.texts.part(tenantId, version, version.embedded_below);
    return { version, texts: part.map(({ text }) => text), ordinals: part.map(({ ordinal }) => ordinal) };
  }

  private async write(
    tenantId: string,
    scopeNo: number,
    { version, texts, ordinals }: Part,
    { space, embedder }: Target,
    vectors: readonly Float32Array[],
  ): Promise<void> {
    const { database, vectors: chunkVectors } = this.options;
    const { version_no: versionNo, embedded_below: first } = version;
    const hashes = chunkVectors.hashes(tenantId, texts, [embedder]);
    const below = first + PART_CHUNKS;
    await database.transaction(async () => {
      if (!(await this.hold(scopeNo, version, space))) return;
      await insertVectorRows(database, scopeNo, versionNo, { space, ordinals, vectors });
      await database.execute(
        `insert into retrieval.version_space (version_no, space_no, embedded_below) values ($1, $2, $3)
         on conflict (version_no, space_no) do update set embedded_below = excluded.embedded_below`,
        [versionNo, space.spaceNo, below < version.chunk_count ? below : null],
      );
      if (!embedder.local)
        await database.execute(
          `update retrieval.chunk c set text_hash = h.text_hash from unnest($2::int[], $3::uuid[]) h(ordinal, text_hash)
            where c.version_no = $1 and c.ordinal = h.ordinal`,
          [versionNo, ordinals, hashes],
        );
    });
  }

  /**
   * Within a transaction: whether the version is there, embedded as far as it was, and its scope is to have these vectors,
   * all of which stays so until the end.
   */
  private async hold(scopeNo: number, version: WaitingVersion, { spaceNo }: EmbeddingSpace): Promise<boolean> {
    const { database } = this.options;
    const held = await database.query('select 1 from retrieval.version where version_no = $1 for update', [
      version.version_no,
    ]);
    const wanted = await database.query(
      'select 1 from retrieval.scope_space where scope_no = $1 and space_no = $2 for share',
      [scopeNo, spaceNo],
    );
    const [done] = await database.query<{ embedded_below: number | null }>(
      'select embedded_below from retrieval.version_space where version_no = $1 and space_no = $2',
      [version.version_no, spaceNo],
    );
    const below = done === undefined ? 0 : done.embedded_below;
    return held.length > 0 && wanted.length > 0 && below === version.embedded_below;
  }

  private async spaceOf(spaceNo: number): Promise<EmbeddingSpace> {
    const [row] = await this.options.database.query<{ dimension: number }>(
      'select dimension from retrieval.space where space_no = $1',
      [spaceNo],
    );
    if (row === undefined) throw new Error('An embedding space is not there.');
    return spaceOf(spaceNo, row.dimension);
  }

  private async drop(scopeNo: number, space: EmbeddingSpace): Promise<number> {
    const rows = await this.options.database.query(
      `with doomed as (
         delete from retrieval.version_space where space_no = $2 and version_no in (
           select v.version_no from retrieval.version v join retrieval.version_space s using (version_no)
            where v.scope_no = $1 and s.space_no = $2 limit 200)
         returning version_no),
       vectors as (delete from ${space.table} e using doomed d where e.version_no = d.version_no)
       select version_no from doomed`,
      [scopeNo, space.spaceNo],
    );
    return rows.length;
  }
}
