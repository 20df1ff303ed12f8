import type { EmbedContext, Embedder } from '#infra/adapters/embedding/embedder.js';
import type { Database } from '#infra/database/database.js';
import type { EmbeddingSpace } from './embedding-space.js';
import type { TermHasher } from './term-hasher.js';
import { checkVectors } from './vectors.js';

const hashesAtOnce = 500;

/**
 * Vectors of texts, each embedded once: a text that this tenant has in the same space already gets the vector that is there.
 * What is looked up lies with the chunks and is erased with them.
 */
export class ChunkVectors {
  constructor(
    private readonly database: Database,
    private readonly hasher: TermHasher,
  ) {}

  /** Under which a text is found again; null for a model whose vectors cost less than a look. */
  hashes(tenantId: string, texts: readonly string[], embedders: readonly Embedder[]): readonly (string | null)[] {
    const looked = embedders.some(({ local }) => !local);
    return texts.map((text) => (looked ? this.hasher.digest(tenantId, text) : null));
  }

  async of(
    texts: readonly string[],
    { embedder, space }: { readonly embedder: Embedder; readonly space: EmbeddingSpace },
    context: EmbedContext,
  ): Promise<readonly Float32Array[]> {
    const vectors = embedder.local
      ? await embedder.embed(texts, context)
      : await this.remembered(texts, embedder, space, context);
    checkVectors(vectors, texts.length, space.dimension);
    return vectors;
  }

  private async remembered(
    texts: readonly string[],
    embedder: Embedder,
    space: EmbeddingSpace,
    context: EmbedContext,
  ): Promise<Float32Array[]> {
    const { tenantId } = context;
    const keys = texts.map((text) => this.hasher.digest(tenantId, text));
    const known = await this.look(tenantId, space, [...new Set(keys)]);
    const missing = new Map(keys.flatMap((key, at) => (known.has(key) ? [] : [[key, texts[at] ?? '']])));
    const made = await embedder.embed([...missing.values()], context);
    [...missing.keys()].forEach((key, at) => known.set(key, made[at] ?? new Float32Array()));
    return keys.map((key) => known.get(key) ?? new Float32Array());
  }

  private async look(
    tenantId: string,
    space: EmbeddingSpace,
    keys: readonly string[],
  ): Promise<Map<string, Float32Array>> {
    const found = new Map<string, Float32Array>();
    for (let at = 0; at < keys.length; at += hashesAtOnce) {
      const rows = await this.database.query<{ hash: string; vector: string }>(
        `select distinct on (c.text_hash) c.text_hash::text as hash, e.embedding::text as vector
           from retrieval.chunk c join retrieval.version v using (version_no)
           join ${space.table} e using (version_no, ordinal)
          where c.text_hash = any($1::uuid[]) and v.tenant_id = $2`,
        [keys.slice(at, at + hashesAtOnce), tenantId],
      );
      for (const { hash, vector } of rows) found.set(hash, Float32Array.from(JSON.parse(vector) as number[]));
    }
    return found;
  }
}
