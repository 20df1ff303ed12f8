import { corpora, corpusErrors } from '#domain/capabilities/corpora/corpora.decider.js';
import { corpusRows } from '#domain/capabilities/corpora/corpora.projection.js';
import { documents } from '#domain/capabilities/documents/documents.decider.js';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { idFor } from '#infra/commands/ids.js';
import type { CorporaSource } from '#infra/platform/platform.js';

/** What the platform knows of corpora and what they hold: their read models, and the states of their streams. */
export const corporaSource: CorporaSource = {
  view: `read.${corpusRows.table}_v${corpusRows.version}`,
  documents: { table: documentRows.table, version: documentRows.version },
  embedding: async (path, tenantId, corpusId) => {
    const state = await path.load(corpora, tenantId, idFor('corpora', tenantId, corpusId));
    if (state.status === 'absent') throw new CatalogueError(corpusErrors.notFound);
    return state.embedding;
  },
  exists: async (path, tenantId, corpusId) => {
    const { status } = await path.load(corpora, tenantId, idFor('corpora', tenantId, corpusId));
    return status === 'present';
  },
  removeDocument: async (commands, { tenantId, documentId }, commandId) => {
    const { status } = await commands.load(documents, tenantId, documentId);
    if (status === 'absent') return;
    const command = { type: 'DeleteDocument', data: { evenInProgress: true } } as const;
    await commands.run(documents, tenantId, documentId, command, commandId);
  },
};
