import { defineDecider, type Decision } from '../../kernel/decider.js';
import { defineErrors, isRefusal, refuse } from '../../kernel/errors.js';
import type { JsonObject } from '../../kernel/schema.js';
import type { CorpusEvent } from './corpora.events.js';
import { normaliseProviderConfig } from './provider-config.decider.js';

export const corpusErrors = defineErrors('corpora', {
  notFound: ['not_found', 'NOT_FOUND', 'Corpus not found'],
  exists: ['conflict', 'CONFLICT', 'A corpus with this id exists'],
});

export interface CreateCorpus {
  readonly type: 'CreateCorpus';
  readonly data: { readonly corpusId: string; readonly name: string; readonly providerConfig: JsonObject };
}

export interface UpdateCorpus {
  readonly type: 'UpdateCorpus';
  readonly data: { readonly name?: string; readonly providerConfig?: JsonObject };
}

export type CorpusCommand = CreateCorpus | UpdateCorpus;

export type CorpusState =
  | { readonly status: 'absent' }
  | {
      readonly status: 'present';
      readonly corpusId: string;
      readonly name: string;
      readonly providerConfig: JsonObject;
    };

export const corpora = defineDecider<CorpusCommand, CorpusEvent, CorpusState>({
  category: 'corpora',
  initial: { status: 'absent' },
  decide: (command, state) => {
    switch (command.type) {
      case 'CreateCorpus':
        return create(command, state);
      case 'UpdateCorpus':
        return update(command, state);
    }
  },
  evolve: (state, event) => {
    switch (event.type) {
      case 'CorpusCreated':
        return { status: 'present', ...event.data };
      case 'CorpusUpdated':
        return state.status === 'present' ? { ...state, ...event.data } : state;
    }
  },
});

function create(command: CreateCorpus, state: CorpusState): Decision<CorpusEvent> {
  if (state.status === 'present') return refuse(corpusErrors.exists);
  const providerConfig = normaliseProviderConfig(command.data.providerConfig);
  if (isRefusal(providerConfig)) return providerConfig;
  return [{ type: 'CorpusCreated', data: { ...command.data, providerConfig } }];
}

/** Every accepted patch is an event, also one that repeats what is there: the audit shows that it was asked for. */
function update(command: UpdateCorpus, state: CorpusState): Decision<CorpusEvent> {
  if (state.status === 'absent') return refuse(corpusErrors.notFound);
  const { name, providerConfig } = command.data;
  const normalised = providerConfig === undefined ? undefined : normaliseProviderConfig(providerConfig);
  if (normalised !== undefined && isRefusal(normalised)) return normalised;
  return [
    {
      type: 'CorpusUpdated',
      data: {
        corpusId: state.corpusId,
        ...(name === undefined ? {} : { name }),
        ...(normalised === undefined ? {} : { providerConfig: normalised }),
      },
    },
  ];
}
