import type { EmbeddingChoice } from '../../kernel/embedding.js';
import type { CommandPort } from '../../kernel/ports.js';

export interface CorpusPlace {
  readonly tenantId: string;
  readonly corpusId: string;
}

/** Vectors of another model beside those that answer. Every step may be repeated. */
export interface ReembeddingPort {
  /** From now on what is written to the corpus gets vectors of this choice too. */
  begin(place: CorpusPlace, choice: EmbeddingChoice): Promise<void>;
  /** Embeds some versions that have no vectors of the choice yet; false when there were none. */
  advance(place: CorpusPlace, choice: EmbeddingChoice, signal: AbortSignal): Promise<boolean>;
  /** Builds what a search in the new vectors needs. */
  prepare(place: CorpusPlace, choice: EmbeddingChoice): Promise<void>;
  progress(
    place: CorpusPlace,
    choice: EmbeddingChoice,
  ): Promise<{ readonly versions: number; readonly embedded: number; readonly chunks: number }>;
  /** Ends every other choice and drops its vectors. */
  keepOnly(place: CorpusPlace, choices: readonly EmbeddingChoice[]): Promise<number>;
}

export interface CorpusPorts {
  readonly commands: CommandPort;
  readonly reembedding: ReembeddingPort;
}
