import { createHash } from 'node:crypto';
import { normalised, type EmbedContext, type Embedder } from './embedder.js';
import { FAKE_DIMENSION, FAKE_MODEL, spaceNameOf } from './models.js';

interface Feature {
  readonly bucket: number;
  readonly weight: number;
}

const memoLimit = 20_000;

/**
 * Deterministic vectors of hashed ASCII words, for those who compare with other systems of the same contract. A text without
 * such a word has no direction, and gets the first unit vector.
 */
export class FakeEmbedder implements Embedder {
  readonly model = spaceNameOf({ provider: 'fake', model: FAKE_MODEL });
  readonly dimension = FAKE_DIMENSION;
  readonly local = true;
  private readonly memo = new Map<string, Feature>();

  async embed(texts: readonly string[], { signal }: Partial<EmbedContext> = {}): Promise<Float32Array[]> {
    signal?.throwIfAborted();
    return texts.map((text) => {
      // Summed in double precision, as the published vectors are.
      const sums = new Float64Array(this.dimension);
      for (const [word] of text.toLowerCase().matchAll(/[a-z0-9_]+/g)) {
        const { bucket, weight } = this.featureOf(word);
        sums[bucket] = (sums[bucket] ?? 0) + weight;
      }
      return normalised(Float32Array.from(sums));
    });
  }

  private featureOf(word: string): Feature {
    const found = this.memo.get(word);
    if (found !== undefined) return found;
    if (this.memo.size >= memoLimit) this.memo.clear();
    const hash = createHash('sha256').update(word).digest('hex');
    const part = (from: number, to: number): number => Number.parseInt(hash.slice(from, to), 16);
    const sign = part(8, 12) % 2 === 0 ? 1 : -1;
    const feature = { bucket: part(0, 8) % this.dimension, weight: sign * (0.2 + (part(12, 20) % 1000) / 1000) };
    this.memo.set(word, feature);
    return feature;
  }
}
