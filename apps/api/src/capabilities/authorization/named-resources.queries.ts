import { authorizationErrors } from '#domain/capabilities/authorization/authorization.decider.js';
import type { Pair } from '#domain/capabilities/authorization/pairs.ports.js';
import { runErrors } from '#domain/capabilities/runs/runs.decider.js';
import { runRows } from '#domain/capabilities/runs/runs.projection.js';
import { sessionRows } from '#domain/capabilities/sessions/sessions.projection.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { DocumentAccess } from '#api/commands/document-access.js';
import type { ReadYourWrites } from '#api/commands/read-your-writes.js';
import type { ShownDocuments } from '#api/commands/shown-documents.js';
import type { CallerContext } from '#api/http/caller.js';
import { seesCorpus } from '#api/http/corpus-scope.js';
import { idFor } from '#infra/commands/ids.js';
import type { ReadModels } from '#infra/read-models/read-models.js';

/** A resource as a decision on it knows it. */
export interface NamedResource {
  readonly resource: JsonObject;
  /** What policies must allow as well: a document that is being replaced is two. */
  readonly also?: readonly JsonObject[];
  /** The id of the document's stream; undefined: it is no document. */
  readonly document?: string;
}

/** What is known of a resource that an admin names by its id. */
export class NamedResources {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
    private readonly shown: ShownDocuments,
    private readonly documents: DocumentAccess,
  ) {}

  /** Refuses a document, a run or a conversation that is not there. Whether a corpus is, its own endpoints say. */
  async find(pair: Pair, id: string, caller: CallerContext): Promise<NamedResource> {
    if (pair.startsWith('document.')) return this.document(id, caller);
    if (pair.startsWith('run.')) return { resource: await this.run(id, caller) };
    return { resource: pair.startsWith('corpus.') ? { id, corpus_id: id } : { id } };
  }

  private async document(id: string, caller: CallerContext): Promise<NamedResource> {
    const document = idFor('documents', caller.tenantId, id);
    const row = await this.shown.find(document, caller);
    if (row === undefined || !seesCorpus(caller, row.corpus_id))
      throw new CatalogueError(authorizationErrors.documentNotFound);
    const [resource, ...also] = await this.documents.resources(row);
    return { document, resource, also };
  }

  private async run(id: string, caller: CallerContext): Promise<JsonObject> {
    for (const { table } of [runRows, sessionRows]) await this.reads.before(table, caller);
    const { tenantId } = caller;
    const row =
      (await this.models.for(runRows).find(tenantId, id)) ?? (await this.models.for(sessionRows).find(tenantId, id));
    if (row === undefined || !seesCorpus(caller, row.corpus_id)) throw new CatalogueError(runErrors.notFound);
    return { id, corpus_id: row.corpus_id };
  }
}
