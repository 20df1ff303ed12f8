import { grantsOf } from '#domain/capabilities/authorization/authorization.projection.js';
import { documentAcl } from '#domain/capabilities/authorization/document-acl.decider.js';
import type { Grant, Guarded } from '#domain/capabilities/authorization/permissions.ports.js';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { CallerContext } from '#api/http/caller.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import type { Database } from '#infra/database/database.js';
import type { VisibilityPredicate } from '#infra/retrieval/retrieval-sql.js';
import { resourceOf, type Authorization, type DocumentFacts } from './authorization.js';
import type { DocumentRow as Row, ShownDocuments } from './shown-documents.js';

export interface DocumentAccessParts {
  readonly authorization: Authorization;
  readonly path: CommandPath;
  readonly shown: ShownDocuments;
  readonly database: Database;
}

/** A document as its stream knows it. */
export interface KnownDocument {
  readonly documentId: string;
  readonly corpusId: string;
  readonly status: string;
  readonly labels: JsonObject;
}

/** The gate of documents: by what is shown for reads, by the stream itself for changes. */
export class DocumentAccess {
  constructor(private readonly parts: DocumentAccessParts) {}

  /** The documents that the caller may read, as a condition on their rows; undefined: all of the tenant. */
  readable(caller: CallerContext): Promise<VisibilityPredicate | undefined> {
    return this.parts.authorization.readable(caller);
  }

  /** What is said of documents that the caller may read, as a condition on rows that name one; undefined: of all. */
  async readableOf(caller: CallerContext): Promise<VisibilityPredicate | undefined> {
    const readable = await this.readable(caller);
    if (readable === undefined) return undefined;
    const { table, version } = documentRows;
    const named: VisibilityPredicate = (alias, next) =>
      `exists (select 1 from read.${table}_v${version} d where d.tenant_id = ${alias}.tenant_id
        and d.document_id = ${alias}.document_id and ${readable('d', next)})`;
    return Object.assign(named, { varies: readable.varies === true });
  }

  /** Whose a document is that the caller brings in. */
  ownership(caller: CallerContext): ReturnType<Authorization['ownership']> {
    return this.parts.authorization.ownership(caller);
  }

  /** Refuses who may not read a document that is there. */
  async read(row: Row, caller: CallerContext): Promise<void> {
    const { authorization, shown } = this.parts;
    const acl = await shown.aclOf(row.id, caller);
    const metadata = await this.metadata('read', row, caller);
    await authorization.document('read', acl === undefined ? [] : grantsOf(acl), { ...factsOf(row), metadata }, caller);
  }

  /** Refuses who may not change a document that is there; `uid` is the id of its stream. */
  async change(action: Guarded, uid: string, known: KnownDocument, caller: CallerContext): Promise<void> {
    const { authorization, shown } = this.parts;
    const row = await shown.find(uid, caller);
    const { documentId: id, corpusId, status, labels } = known;
    const metadata = row === undefined ? null : await this.metadata(action, row, caller);
    const facts = { id, corpusId, status, labels, contentType: row?.content_type ?? null, metadata };
    await authorization.document(action, await this.grants(uid, caller), facts, caller);
  }

  /** Refuses a document that may not come in, as it would be. */
  async create(document: DocumentFacts, caller: CallerContext): Promise<void> {
    const { corpusId: corpus_id, contentType: content_type, labels, metadata } = document;
    const resource = { id: null, corpus_id, status: null, content_type, labels, metadata };
    await this.parts.authorization.authorize('document.write', caller, resource);
  }

  /** Refuses who may not manage the permissions of a document; whether they may read it does not matter. */
  async manage(
    uid: string,
    known: Pick<KnownDocument, 'documentId' | 'corpusId'>,
    caller: CallerContext,
  ): Promise<void> {
    const row = await this.parts.shown.find(uid, caller);
    const { documentId: id, corpusId: corpus_id } = known;
    const facts = row === undefined ? { id, corpus_id } : resourceOf(await this.describe(row), caller.tenantId);
    await this.parts.authorization.authorize('document.manage', caller, facts);
  }

  /** All that policies may look at of a document. */
  async describe(row: Row): Promise<DocumentFacts> {
    return { ...factsOf(row), metadata: await this.stored(row) };
  }

  private async grants(uid: string, { tenantId }: CallerContext): Promise<readonly Grant[]> {
    const acl = await this.parts.path.load(documentAcl, tenantId, uid);
    return acl.status === 'absent' ? [] : acl.grants;
  }

  /** Kept apart, with the chunks that it describes; not asked for where no policy could look at it. */
  private async metadata(action: Guarded, row: Row, caller: CallerContext): Promise<JsonObject | null> {
    return (await this.parts.authorization.looksAtMetadata(action, caller)) ? this.stored(row) : null;
  }

  private async stored(row: Row): Promise<JsonObject | null> {
    if (row.index_version === null) return null;
    const [found] = await this.parts.database.query<{ metadata: JsonObject }>(
      'select metadata from retrieval.version where tenant_id = $1 and document_id = $2 and version_id = $3',
      [row.tenant_id, row.id, row.index_version],
    );
    return found?.metadata ?? null;
  }
}

function factsOf(row: Row): Omit<DocumentFacts, 'metadata'> {
  const { document_id: id, corpus_id: corpusId, status, content_type: contentType, labels } = row;
  return { id, corpusId, status, contentType, labels: labels as JsonObject };
}
