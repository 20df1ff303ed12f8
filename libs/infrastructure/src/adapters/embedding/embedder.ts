/** Texts to vectors of one embedding space. Every vector is finite, of length 1, and `dimension` long. */
export interface Embedder {
  /** Names the space together with the dimension: vectors of different models are never compared. */
  readonly model: string;
  readonly dimension: number;
  embed(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]>;
}

/** The vector scaled to length 1; a vector that is zero or not finite becomes the first unit vector. */
export function normalised(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const length = Math.sqrt(squares);
  if (length > 0 && Number.isFinite(length)) {
    for (let at = 0; at < vector.length; at++) vector[at] = (vector[at] ?? 0) / length;
    return vector;
  }
  vector.fill(0);
  vector[0] = 1;
  return vector;
}
