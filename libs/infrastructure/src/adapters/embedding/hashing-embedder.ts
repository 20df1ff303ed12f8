import { Recent } from '#domain/kernel/recent.js';
import { fold, termCounts } from '#domain/kernel/text/tokenizer.js';
import { normalised, type EmbedContext, type Embedder } from './embedder.js';

export interface HashingOptions {
  readonly dimension?: number;
  /** Shortest and longest run of characters inside a word that is a feature of its own. */
  readonly grams?: readonly [shortest: number, longest: number];
  /** Weight of all character runs of a word against the word itself. */
  readonly gramWeight?: number;
}

/** Where a word and its character runs stand in a vector, so that a text is a sum of few short arrays. */
interface Features {
  /** `bucket << 1`, and 1 where the sign is negative: first of the word, whose weight is 1, then of its runs. */
  readonly places: Uint16Array;
  /** The weight of a run. */
  readonly each: number;
}

/** About 200 bytes each. */
const remembered = 50_000;
const batch = 64;
const wide = /[\ud800-\udfff]/;

/**
 * Deterministic vectors without a model: signed feature hashing of stemmed words and of the character runs inside them,
 * logarithmic counts, length 1. A text without any word is hashed by its characters, an empty one has a vector too.
 */
export class HashingEmbedder implements Embedder {
  readonly model: string;
  readonly dimension: number;
  readonly local = true;
  private readonly grams: readonly [number, number];
  private readonly gramWeight: number;
  private readonly memo = new Recent<string, Features>(remembered);

  constructor(options: HashingOptions = {}) {
    this.dimension = options.dimension ?? 384;
    this.grams = options.grams ?? [3, 4];
    this.gramWeight = options.gramWeight ?? 0.5;
    if (this.dimension < 8 || this.dimension > 16_000) throw new RangeError('A vector has 8 to 16,000 dimensions.');
    this.model = `hashing-v1-${this.grams.join('-')}-${this.gramWeight}`;
  }

  async embed(texts: readonly string[], { signal }: Partial<EmbedContext> = {}): Promise<Float32Array[]> {
    const vectors: Float32Array[] = [];
    for (const [at, text] of texts.entries()) {
      // A long batch lets the event loop breathe.
      if (at % batch === batch - 1) await new Promise<void>((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
      vectors.push(this.vectorOf(text));
    }
    return vectors;
  }

  private vectorOf(text: string): Float32Array {
    const vector = new Float32Array(this.dimension);
    for (const [word, count] of countsOf(text)) {
      const { places, each } = this.featuresOf(word);
      const scale = 1 + Math.log(count);
      for (let at = 0; at < places.length; at++) {
        const place = places[at] ?? 0;
        const bucket = place >>> 1;
        const weight = at === 0 ? 1 : each;
        vector[bucket] = (vector[bucket] ?? 0) + scale * ((place & 1) === 0 ? weight : -weight);
      }
    }
    return normalised(vector);
  }

  private featuresOf(word: string): Features {
    const known = this.memo.get(word);
    if (known !== undefined) return known;
    const runs = characterRuns(word, this.grams);
    const places = new Uint16Array(runs.length + 1);
    places[0] = this.placeOf(hash(word, 1));
    runs.forEach((run, at) => (places[at + 1] = this.placeOf(hash(run, 2))));
    const features = { places, each: Math.fround(this.gramWeight / Math.sqrt(Math.max(1, runs.length))) };
    this.memo.set(word, features);
    return features;
  }

  private placeOf(value: number): number {
    return (((value >>> 1) % this.dimension) << 1) | (value & 1);
  }
}

function countsOf(text: string): ReadonlyMap<string, number> {
  const counts = termCounts(text);
  if (counts.size > 0) return counts;
  return new Map(
    Array.from(fold(text), (character) => [character, 1] as const).filter(([character]) => character.trim() !== ''),
  );
}

function characterRuns(word: string, [shortest, longest]: readonly [number, number]): string[] {
  const padded = `<${word}>`;
  const runs: string[] = [];
  // Where no character takes two units, those are the characters.
  const characters = wide.test(padded) ? Array.from(padded) : undefined;
  const { length: all } = characters ?? padded;
  for (let length = shortest; length <= longest; length++)
    for (let at = 0; at + length <= all; at++)
      runs.push(characters?.slice(at, at + length).join('') ?? padded.slice(at, at + length));
  return runs;
}

/** FNV-1a over UTF-16 units with a seed and a final mix; 32 bits. */
function hash(text: string, seed: number): number {
  let value = 0x811c9dc5 ^ (seed * 0x9e3779b1);
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
