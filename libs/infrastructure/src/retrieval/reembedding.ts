import type { EmbeddingChoice } from '#domain/kernel/embedding.js';
import type { Embedders } from '#infra/adapters/embedding/embedders.js';
import type { Database } from '#infra/database/database.js';
import type { ChunkVectors } from './chunk-vectors.js';
import { spaceOf, type EmbeddingSpace, type EmbeddingSpaces } from './embedding-space.js';
import { indexedForm, unpackPrefixes } from './index-context.js';
import type { ChunkCipher } from './passage.js';
import { openingOf } from './retrieval-index.js';
import type { ScopeSpaces, Target } from './scope-spaces.js';
import type { VectorIndexes } from './vector-indexes.js';
import { insertVectors } from './vectors.js';

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

interface WaitingVersion {
  readonly version_no: string;
  readonly document_id: string;
  readonly context: Uint8Array | null;
  readonly chunk_count: number;
}

interface StoredChunk {
  readonly ordinal: number;
  readonly body: Uint8Array;
}

const versionsAtOnce = 32;
/** About as many chunks are embedded together; one version alone may have more. */
const chunksAtOnce = 256;

/** Gives what a corpus holds vectors of another model, beside those that answer. */
export class Reembedding {
  constructor(private readonly options: ReembeddingOptions) {}

  /** From now on what is written to the corpus gets vectors of this choice too. */
  async begin({ tenantId, corpusId }: CorpusPlace, choice: EmbeddingChoice): Promise<void> {
    const scopeNo = await this.options.spaces.scope(tenantId, corpusId);
    // Those that answer now stay a target, also of a corpus to which nothing was written yet.
    await this.options.scopes.targets(tenantId, corpusId, scopeNo, true);
    const { space } = await this.target(choice);
    await this.options.scopes.add(scopeNo, space);
  }

  /** Embeds some versions that have no vectors of the choice yet; false when there were none. */
  async advance({ tenantId, corpusId }: CorpusPlace, choice: EmbeddingChoice, signal: AbortSignal): Promise<boolean> {
    const scopeNo = await this.options.spaces.scope(tenantId, corpusId);
    const target = await this.target(choice);
    const waiting = await this.waiting(scopeNo, target.space);
    for (const version of waiting) {
      signal.throwIfAborted();
      await this.embed(tenantId, scopeNo, version, target, signal);
    }
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
      `select count(*)::int as versions, count(s.version_no)::int as embedded, coalesce(sum(v.chunk_count), 0)::int as chunks
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
      `select v.version_no, v.document_id, v.context, v.chunk_count from retrieval.version v
        where v.scope_no = $1 and v.finished
          and not exists (select 1 from retrieval.version_space s where s.version_no = v.version_no and s.space_no = $2)
        order by v.version_no limit ${versionsAtOnce}`,
      [scopeNo, space.spaceNo],
    );
    let chunks = 0;
    return found.filter(({ chunk_count }, at) => (chunks += chunk_count) <= chunksAtOnce || at === 0);
  }

  /** A version that is removed meanwhile is left alone; one whose key is gone has nothing that could be embedded. */
  private async embed(
    tenantId: string,
    scopeNo: number,
    version: WaitingVersion,
    target: Target,
    signal: AbortSignal,
  ): Promise<void> {
    const { database, vectors: chunkVectors } = this.options;
    const chunks = await this.textsOf(tenantId, version);
    const texts = chunks.map(({ text }) => text);
    const vectors = await chunkVectors.of(texts, target, { tenantId, signal });
    const ordinals = chunks.map(({ ordinal }) => ordinal);
    const hashes = chunkVectors.hashes(tenantId, texts, [target.embedder]);
    await database.transaction(async () => {
      const held = await database.query('select 1 from retrieval.version where version_no = $1 for update', [
        version.version_no,
      ]);
      const done = await database.query(
        'select 1 from retrieval.version_space where version_no = $1 and space_no = $2',
        [version.version_no, target.space.spaceNo],
      );
      if (held.length === 0 || done.length > 0) return;
      await insertVectors(database, scopeNo, version.version_no, { space: target.space, ordinals, vectors });
      if (!target.embedder.local)
        await database.execute(
          `update retrieval.chunk c set text_hash = h.text_hash from unnest($2::int[], $3::uuid[]) h(ordinal, text_hash)
            where c.version_no = $1 and c.ordinal = h.ordinal`,
          [version.version_no, ordinals, hashes],
        );
    });
  }

  /** The texts as they were indexed. */
  private async textsOf(
    tenantId: string,
    { version_no, document_id, context }: WaitingVersion,
  ): Promise<readonly { readonly ordinal: number; readonly text: string }[]> {
    const rows = await this.options.database.query<StoredChunk>(
      'select ordinal, body from retrieval.chunk where version_no = $1 order by ordinal',
      [version_no],
    );
    const open = async (bytes: Uint8Array): Promise<Buffer | undefined> => {
      const clear = await this.options.cipher.decrypt(tenantId, document_id, bytes);
      return clear === undefined ? undefined : Buffer.from(clear);
    };
    const bodies = await Promise.all(rows.map(({ body }) => open(body)));
    const prefixes = await this.prefixesOf(version_no, context, open);
    // Versions from before contexts were kept have their document's opening before all but the first chunk.
    const opening = openingOf(bodies[0]?.toString('utf8') ?? '');
    return rows.flatMap(({ ordinal }, at) => {
      const body = bodies[at];
      if (body === undefined) return [];
      const prefix = prefixes?.[at] ?? (at === 0 ? '' : opening);
      return [{ ordinal, text: indexedForm(prefix, body.toString('utf8')) }];
    });
  }

  /** What stood before each chunk; undefined where it is not known. Large versions have it part by part. */
  private async prefixesOf(
    versionNo: string,
    context: Uint8Array | null,
    open: (bytes: Uint8Array) => Promise<Buffer | undefined>,
  ): Promise<readonly string[] | undefined> {
    const parts = await this.options.database.query<{ context: Uint8Array }>(
      'select context from retrieval.version_terms where version_no = $1 and context is not null order by part',
      [versionNo],
    );
    const sealed = context === null ? parts.map((part) => part.context) : [context];
    const opened = (await Promise.all(sealed.map(open))).filter((bytes) => bytes !== undefined);
    return opened.length === 0 ? undefined : opened.flatMap(unpackPrefixes);
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
