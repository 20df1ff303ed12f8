import type { EmbedContext, Embedder } from '#infra/adapters/embedding/embedder.js';

const mostKept = 2_000;

/** The vectors of questions that were asked lately, each tenant's its own; the oldest goes first. */
export class QueryVectors {
  private readonly kept = new Map<string, Float32Array>();

  async of(embedder: Embedder, text: string, context: EmbedContext): Promise<Float32Array | undefined> {
    if (embedder.local) return (await embedder.embed([text], context))[0];
    const key = JSON.stringify([context.tenantId, embedder.model, embedder.dimension, text]);
    const found = this.kept.get(key) ?? (await embedder.embed([text], context))[0];
    if (found === undefined) return undefined;
    this.kept.delete(key);
    this.kept.set(key, found);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= mostKept) break;
      this.kept.delete(oldest);
    }
    return found;
  }
}
