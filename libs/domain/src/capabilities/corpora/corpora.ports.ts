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

/** What a corpus holds, for a corpus that is gone. */
export interface CorpusDocumentsPort {
  /** Whether everything up to a position of the log is shown; waits some seconds for it. */
  shownUpTo(position: string): Promise<boolean>;
  /** Deletes some documents of the corpus, also those that are being ingested; false when it holds none any more. */
  removeSome(place: CorpusPlace, jobId: string, signal: AbortSignal): Promise<boolean>;
}

export interface CorpusPorts {
  readonly commands: CommandPort;
  readonly corpusDocuments: CorpusDocumentsPort;
  readonly reembedding: ReembeddingPort;
}
