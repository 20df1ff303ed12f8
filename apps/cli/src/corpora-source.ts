import { corpora } from '#domain/capabilities/corpora/corpora.decider.js';
import { corpusRows } from '#domain/capabilities/corpora/corpora.projection.js';
import { idFor } from '#infra/commands/ids.js';
import type { CorporaSource } from '#infra/platform/platform.js';

/** The chosen embedding of each corpus: its read model, and the state of its stream. */
export const corporaSource: CorporaSource = {
  view: `read.${corpusRows.table}_v${corpusRows.version}`,
  embedding: async (path, tenantId, corpusId) => {
    const state = await path.load(corpora, tenantId, idFor('corpora', tenantId, corpusId));
    return state.status === 'present' ? state.embedding : null;
  },
};
