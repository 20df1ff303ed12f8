/** For whom vectors are made, and how much it took. */
export interface EmbedContext {
  /** Whose breaker counts; a remote embedder asks for it. */
  readonly tenantId: string;
  readonly signal?: AbortSignal;
  /** Models that tell questions from passages are told which these are; `document` by default. */
  readonly purpose?: 'document' | 'query';
  /** Texts that are longer than the model reads are refused (`embeddingErrors.tooLong`) instead of cut. */
  readonly whole?: boolean;
  /** Is added to as requests are answered. */
  readonly meter?: EmbeddingMeter;
}

export interface EmbeddingMeter {
  tokens: number;
  /** Texts that were longer than the model reads, and were cut on purpose. */
  truncated: number;
  /** Requests to the model. */
  requests: number;
}

export const newMeter = (): EmbeddingMeter => ({ tokens: 0, truncated: 0, requests: 0 });

/** Texts to vectors of one embedding space. Every vector is finite, of length 1, and `dimension` long. */
export interface Embedder {
  /** Names the space together with the dimension: vectors of different models are never compared. */
  readonly model: string;
  readonly dimension: number;
  /** True when a vector costs less than looking it up: it is computed in the process. */
  readonly local: boolean;
  /** Throws a CatalogueError of `embeddingErrors` or `outboundErrors`, or the reason of the signal. */
  embed(texts: readonly string[], context: EmbedContext): Promise<readonly Float32Array[]>;
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
