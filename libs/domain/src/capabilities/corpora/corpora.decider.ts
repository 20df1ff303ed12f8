import { defineDecider, type Decision, type Facts } from '../../kernel/decider.js';
import { sameEmbedding, type EmbeddingChoice } from '../../kernel/embedding.js';
import { defineErrors, isRefusal, refuse, type Refusal } from '../../kernel/errors.js';
import type { JsonObject } from '../../kernel/schema.js';
import type { CorpusEvent } from './corpora.events.js';
import { normaliseProviderConfig } from './provider-config.decider.js';

export const corpusErrors = defineErrors('corpora', {
  notFound: ['not_found', 'NOT_FOUND', 'Corpus not found'],
  exists: ['conflict', 'CONFLICT', 'A corpus with this id exists'],
  emptying: ['conflict', 'CORPUS_DELETION_IN_PROGRESS', 'What a deleted corpus of this id held is still being removed'],
  reembedding: ['conflict', 'REEMBED_IN_PROGRESS', 'The corpus is being embedded anew'],
});

export interface CreateCorpus {
  readonly type: 'CreateCorpus';
  readonly data: {
    readonly corpusId: string;
    readonly name: string;
    readonly providerConfig: JsonObject;
    /** What makes its vectors. */
    readonly embedding?: EmbeddingChoice;
  };
}

export interface UpdateCorpus {
  readonly type: 'UpdateCorpus';
  readonly data: {
    readonly name?: string;
    readonly providerConfig?: JsonObject;
    /** What is to make its vectors from now on. */
    readonly embedding?: NewEmbedding;
  };
}

export interface NewEmbedding {
  readonly choice: EmbeddingChoice;
  /** What answers now, for a corpus from before that was recorded. */
  readonly serving: EmbeddingChoice;
}

export interface CompleteReembedding {
  readonly type: 'CompleteReembedding';
  readonly data: { readonly reembedId: string; readonly versions: number; readonly chunks: number };
}

export interface FailReembedding {
  readonly type: 'FailReembedding';
  readonly data: { readonly reembedId: string; readonly reason: string };
}

export interface DeleteCorpus {
  readonly type: 'DeleteCorpus';
  readonly data: Readonly<Record<string, never>>;
}

/** Told by the job that removed what a deleted corpus held. */
export interface CompleteEmptying {
  readonly type: 'CompleteEmptying';
  readonly data: Readonly<Record<string, never>>;
}

export type CorpusCommand =
  CreateCorpus | UpdateCorpus | CompleteReembedding | FailReembedding | DeleteCorpus | CompleteEmptying;

export interface PresentCorpus {
  readonly status: 'present';
  readonly corpusId: string;
  readonly name: string;
  readonly providerConfig: JsonObject;
  /** Whose vectors answer questions; null for a corpus from before that was recorded. */
  readonly embedding: EmbeddingChoice | null;
  /** What it is being embedded with beside that. */
  readonly reembedding: { readonly id: string; readonly embedding: EmbeddingChoice } | null;
  /** What became of the last try that came to nothing, until another one begins. */
  readonly failure: { readonly embedding: EmbeddingChoice; readonly reason: string } | null;
}

export type CorpusState =
  | { readonly status: 'absent'; /** Its id, while what it held is being removed. */ readonly emptying: string | null }
  | PresentCorpus;

export const corpora = defineDecider<CorpusCommand, CorpusEvent, CorpusState>({
  category: 'corpora',
  initial: { status: 'absent', emptying: null },
  decide: (command, state, facts) => {
    switch (command.type) {
      case 'CreateCorpus':
        return create(command, state);
      case 'UpdateCorpus':
        return update(command, state, facts);
      case 'CompleteReembedding':
        return complete(command, state);
      case 'FailReembedding':
        return failed(command, state);
      case 'DeleteCorpus':
        return state.status === 'absent'
          ? refuse(corpusErrors.notFound)
          : [{ type: 'CorpusDeleted', data: { corpusId: state.corpusId } }];
      case 'CompleteEmptying':
        return state.status === 'present' || state.emptying === null
          ? []
          : [{ type: 'CorpusEmptied', data: { corpusId: state.emptying } }];
    }
  },
  evolve: (state, event) => {
    if (event.type === 'CorpusCreated')
      return { status: 'present', ...event.data, embedding: null, reembedding: null, failure: null };
    if (state.status === 'present') return evolvePresent(state, event);
    return event.type === 'CorpusEmptied' ? { status: 'absent', emptying: null } : state;
  },
});

function evolvePresent(state: PresentCorpus, event: Exclude<CorpusEvent, { type: 'CorpusCreated' }>): CorpusState {
  switch (event.type) {
    case 'CorpusUpdated':
      return { ...state, ...event.data };
    case 'CorpusEmbeddingChosen':
      return { ...state, embedding: event.data.embedding };
    case 'CorpusReembeddingStarted': {
      const { reembedId: id, embedding } = event.data;
      return { ...state, reembedding: { id, embedding }, failure: null };
    }
    case 'CorpusEmbeddingChanged':
      return { ...state, embedding: event.data.embedding, reembedding: null };
    case 'CorpusReembeddingFailed': {
      const { embedding, reason } = event.data;
      return { ...state, reembedding: null, failure: { embedding, reason } };
    }
    case 'CorpusDeleted':
      return { status: 'absent', emptying: state.corpusId };
    case 'CorpusEmptied':
      return state;
  }
}

function create(command: CreateCorpus, state: CorpusState): Decision<CorpusEvent> {
  if (state.status === 'present') return refuse(corpusErrors.exists);
  if (state.emptying !== null) return refuse(corpusErrors.emptying);
  const providerConfig = normaliseProviderConfig(command.data.providerConfig);
  if (isRefusal(providerConfig)) return providerConfig;
  const { embedding, ...data } = command.data;
  const created: CorpusEvent = { type: 'CorpusCreated', data: { ...data, providerConfig } };
  if (embedding === undefined) return [created];
  return [created, { type: 'CorpusEmbeddingChosen', data: { corpusId: data.corpusId, embedding } }];
}

/** Every accepted patch is an event, also one that repeats what is there: the audit shows that it was asked for. */
function update(command: UpdateCorpus, state: CorpusState, facts: Facts): Decision<CorpusEvent> {
  if (state.status === 'absent') return refuse(corpusErrors.notFound);
  const { name, providerConfig, embedding } = command.data;
  const normalised = providerConfig && normaliseProviderConfig(providerConfig);
  if (isRefusal(normalised)) return normalised;
  const reembed = embedding === undefined ? [] : reembedding(embedding, state, facts.newId);
  if (isRefusal(reembed)) return reembed;
  const fields = {
    ...(name === undefined ? {} : { name }),
    ...(normalised === undefined ? {} : { providerConfig: normalised }),
  };
  // A patch of nothing but the embedding is told by the events of that.
  if (reembed.length > 0 && Object.keys(fields).length === 0) return reembed;
  return [{ type: 'CorpusUpdated', data: { corpusId: state.corpusId, ...fields } }, ...reembed];
}

/** The model that answers already is no change, and nor is the one that is on its way. */
function reembedding(
  { choice, serving }: NewEmbedding,
  state: PresentCorpus,
  reembedId: string,
): readonly CorpusEvent[] | Refusal {
  const { corpusId } = state;
  if (state.reembedding !== null)
    return sameEmbedding(state.reembedding.embedding, choice) ? [] : refuse(corpusErrors.reembedding);
  if (sameEmbedding(state.embedding ?? serving, choice)) return [];
  const started: CorpusEvent = { type: 'CorpusReembeddingStarted', data: { corpusId, reembedId, embedding: choice } };
  if (state.embedding !== null) return [started];
  return [{ type: 'CorpusEmbeddingChosen', data: { corpusId, embedding: serving } }, started];
}

/** A job that is not the newest has nothing to say. */
function complete({ data }: CompleteReembedding, state: CorpusState): Decision<CorpusEvent> {
  if (state.status === 'absent' || state.reembedding?.id !== data.reembedId) return [];
  const { corpusId, reembedding: ended } = state;
  return [{ type: 'CorpusEmbeddingChanged', data: { corpusId, embedding: ended.embedding, ...data } }];
}

function failed({ data }: FailReembedding, state: CorpusState): Decision<CorpusEvent> {
  if (state.status === 'absent' || state.reembedding?.id !== data.reembedId) return [];
  const { corpusId, reembedding: ended } = state;
  return [{ type: 'CorpusReembeddingFailed', data: { corpusId, embedding: ended.embedding, ...data } }];
}
